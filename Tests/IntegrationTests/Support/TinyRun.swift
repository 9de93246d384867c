import Foundation

/// A configuration for the tiny base of `Tests/Fixtures` on rows made here: small, but with everything on that
/// could move a bit (dropout, shuffling, packing, several micro-batches a step).
struct TinyRun {
    var maxSteps = 8
    var checkpointEvery = 4
    /// Lines of YAML put in place of the defaults, by section.
    var method = "lora"
    var adapter = "{r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: all-linear}"
    var base = TinyRun.base.path
    var rows = TinyRun.rows()

    /// `Tests/Fixtures/tiny-base`, a Llama.
    static let base = fixtures.appendingPathComponent("tiny-base")
    /// `Tests/Fixtures/tiny-gpt2`.
    static let gpt2 = fixtures.appendingPathComponent("tiny-gpt2")
    /// `Tests/Fixtures/tiny-bert`; its rows are labelled texts.
    static let bert = fixtures.appendingPathComponent("tiny-bert")
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

    /// Writes configuration and rows; returns the configuration's path.
    func write(to scratch: Scratch, name: String = "config.yaml") throws -> String {
        let rows = base == Self.bert.path ? Self.labelledRows() : rows
        let train = try scratch.write(rows.joined(separator: "\n") + "\n", to: "train.jsonl")
        return try scratch.write(
            """
            base: \(base)
            data:
              train: [\(train)]
              max_sequence_length: 64
            method: \(method)
            adapter: \(adapter)
            partial: {layers: 1}
            training:
              max_steps: \(maxSteps)
              batch_size: 16
              learning_rate: 0.01
              micro_batches: 8
              max_tokens_per_micro_batch: 96
              seed: 7
            checkpoint: {every_steps: \(checkpointEvery), keep: 3}
            """, to: name)
    }

    /// Prompt and completion rows of varying length, always the same.
    static func rows(count: Int = 96) -> [String] {
        let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        return (0..<count).map { index in
            let first = names[index * 7 % 10]
            let second = names[(index * 3 + index / 10) % 10]
            let filler = Array(repeating: "plus zero", count: index * 5 % 4).joined(separator: " ")
            let middle = filler.isEmpty ? "" : " \(filler)"
            return """
                {"prompt": "What is \(first) plus \(second)\(middle)?", "completion": " It is row \(index % 13)."}
                """
        }
    }

    /// Texts of varying length with one of three labels, always the same.
    static func labelledRows(count: Int = 96) -> [String] {
        let words = ["good", "bad", "funny", "dull", "the plot", "an ending", "never", "slow"]
        return (0..<count).map { index in
            let text = (0..<1 + index * 5 % 9).map { words[(index * 3 + $0 * 5) % 8] }.joined(separator: " ")
            return #"{"text": "\#(text).", "label": "\#(["no", "perhaps", "yes"][index * 7 % 3])"}"#
        }
    }

    /// A copy of the tiny base that a test may damage.
    static func copyOfBase(in scratch: Scratch, name: String = "base") throws -> URL {
        let copy = scratch.folder.appendingPathComponent(name)
        try FileManager.default.copyItem(at: base, to: copy)
        return copy
    }
}

/// What a run left behind.
struct RunFolder {
    let folder: URL
    /// Kept, because the folder goes with it.
    private let scratch: Scratch

    /// A line of `metrics.jsonl`, as far as the tests look.
    struct Metrics: Decodable, Equatable {
        let step: Int
        let loss: Double
        let workers: Int
        let gradientDigest: String
        var generation: Int?
        var messagesDropped: Int?
        var connectionsRefused: Int?
    }

    init(_ name: String, in scratch: Scratch) {
        self.init(at: scratch.folder.appendingPathComponent(name), in: scratch)
    }

    init(at folder: URL, in scratch: Scratch) {
        self.folder = folder
        self.scratch = scratch
    }

    /// How many lines of events.jsonl are of this kind.
    func eventCount(_ kind: String) throws -> Int {
        let lines = try String(contentsOf: folder.appendingPathComponent("events.jsonl"), encoding: .utf8)
        return lines.split(separator: "\n").count { $0.contains("\"event\":\"\(kind)\"") }
    }

    /// The bytes of the final adapter, or of the model where the base is trained.
    func adapter() throws -> Data {
        let model = folder.appendingPathComponent("model/model.safetensors")
        return try Data(
            contentsOf: FileManager.default.fileExists(atPath: model.path)
                ? model : folder.appendingPathComponent("adapter/adapter_model.safetensors"))
    }

    /// Whether something that looks like a finished adapter or model is there.
    var hasAdapter: Bool {
        ["adapter", "model"].contains {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
        }
    }

    /// The whole lines of `metrics.jsonl`; none while there is no file.
    func metrics() throws -> [Metrics] {
        guard
            let text = try? String(
                contentsOf: folder.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
        else { return [] }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let whole =
            text.hasSuffix("\n") ? text : text.split(separator: "\n").dropLast().joined(separator: "\n")
        return try whole.split(separator: "\n").map { try decoder.decode(Metrics.self, from: Data($0.utf8)) }
    }

    /// A line of `ledger.jsonl`, as far as the tests look.
    struct LedgerLine: Decodable, Equatable {
        let step: Int
        let leafWorkers: [Int]
    }

    /// The lines of `ledger.jsonl`.
    func ledger() throws -> [LedgerLine] {
        let text = try String(contentsOf: folder.appendingPathComponent("ledger.jsonl"), encoding: .utf8)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try text.split(separator: "\n").map {
            try decoder.decode(LedgerLine.self, from: Data($0.utf8))
        }
    }

    /// Names of the checkpoints on disk, oldest first.
    func checkpoints() -> [String] {
        let path = folder.appendingPathComponent("checkpoints").path
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
            .filter { $0.hasPrefix("step-") }.sorted()
    }
}
