import Checkpoints
import DurableFiles
import Foundation
import Optimizers
import Tensors
import WeightFiles

/// A run's own files, as a damaged disk or another hand leaves them: checkpoint directories and ledgers.
public final class CheckpointTarget: FuzzTarget {
    public static let name = "checkpoint"
    public let corpus: [FuzzInput]
    public let words =
        SafetensorsBytes.words
        + [
            "format_version", "shoal_version", "step", "identity", "files", "sha256", "bytes", "epoch",
            "seed", "tokens",
            "state_digest", "ledger_head", "best_loss", "manifest.json", "../x", "/etc/passwd", "1.5", "-1",
        ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace
    private let store: CheckpointStore
    private let layout: ParameterLayout

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        var layout = ParameterLayout()
        _ = layout.append(name: "a.lora_A.weight", shape: [2, 8])
        _ = layout.append(name: "a.lora_B.weight", shape: [5, 2])
        self.layout = layout
        store = CheckpointStore(directory: workspace.folder + "/checkpoints", shoalVersion: "1")
        let state = TrainingState(
            step: 7, parameters: Vector((0..<26).map { Float($0) }), firstMoments: Vector(zeros: 26),
            secondMoments: Vector(zeros: 26))
        let trainerState = TrainerState(
            step: 7, epoch: 0.5, seed: 42, tokenCount: 100, stateDigest: state.digest(),
            ledgerHead: .sha256("line"), bestLoss: 1.5, bestStep: 3, lastEvaluatedStep: 6)
        let identity = RunIdentity(
            baseDigest: .sha256("base"), tokenizerDigest: .sha256("tokenizer"),
            dataDigests: ["train.jsonl": .sha256("data")],
            configuration: ["training.seed": "42"])
        let entries = layout.entries
        let directory = try store.save(state, layout: layout, trainerState: trainerState, identity: identity)
        {
            path in
            try SafetensorsWriter.write(
                entries.map { .init(name: $0.name, shape: $0.shape, values: state.parameters[$0.range]) },
                to: path + "/adapter_model.safetensors")
        }
        let ledger = try Ledger(path: workspace.folder + "/ledger.jsonl")
        for step in 1...3 {
            _ = try ledger.record(
                step: step, term: 1, generation: 1, learningRate: 1e-4, exampleIDs: [0, 1, UInt32(step)],
                leafWorkers: [1, 2],
                gradientDigest: .sha256("\(step)"), stateDigestBefore: .sha256("s\(step)"))
        }
        func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
        let names = [
            "adapter_model.safetensors", "manifest.json", "optimizer.safetensors", "trainer_state.json",
        ]
        corpus =
            try workspace.stored(Self.name) + [
                FuzzInput(
                    try names.map { .init($0, try bytes(directory + "/" + $0)) }
                        + [.init("ledger.jsonl", try bytes(workspace.folder + "/ledger.jsonl"))])
            ]
    }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        let index = mutator.random.below(input.parts.count)
        if input.parts[index].name.hasSuffix(".safetensors") {
            SafetensorsBytes.mutate(&input.parts[index].bytes, other: other.parts[0].bytes, &mutator)
        } else {
            mutator.mutate(
                &input.parts[index].bytes, other: mutator.random.pick(other.parts).bytes, words: words)
        }
        // What damage leaves is found by its digest; what a hand changed has the right one.
        if input.parts[index].name != "manifest.json", !mutator.random.oneIn(4) { sign(&input) }
    }

    /// Writes the files' digests into the manifest.
    private func sign(_ input: inout FuzzInput) {
        guard let index = input.parts.firstIndex(where: { $0.name == "manifest.json" }) else { return }
        let files = input.parts.filter { !["manifest.json", "ledger.jsonl"].contains($0.name) }.map {
            #""\#($0.name)":{"bytes":\#($0.bytes.count),"sha256":"\#(Digest.sha256($0.bytes).hex)"}"#
        }
        let digest = Digest.sha256("base").hex
        input.parts[index].bytes = Array(
            (#"{"files":{\#(files.joined(separator: ","))},"format_version":1,"#
                + #""identity":{"base_digest":"\#(digest)","data_digest":"\#(digest)","tokenizer_digest":"\#(digest)"},"#
                + #""shoal_version":"1","step":7}"#).utf8)
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        for part in input.parts {
            let isLedger = part.name == "ledger.jsonl"
            _ = try workspace.write(isLedger ? part.name : "checkpoints/step-000007/" + part.name, part.bytes)
        }
        var isTaken = false
        if let newest = try? store.newestValid(layout: layout), let checkpoint = newest.checkpoint {
            guard checkpoint.state.digest() == checkpoint.trainerState.stateDigest else {
                throw FuzzFailure("a checkpoint was taken that is not the state it says")
            }
            isTaken = true
        }
        if let entries = try? Ledger.read(workspace.folder + "/ledger.jsonl") {
            _ = LedgerAudit(entries, exampleCount: 4)
        }
        return isTaken
    }
}
