import Bases
import Tokenizers
import Training
import WeightFiles

/// GGUF files: tensors of every type expanded, and the tokenizer in the metadata.
public final class GGUFTarget: FuzzTarget {
    public static let name = "gguf"
    public let corpus: [FuzzInput]
    private let workspace: FuzzWorkspace

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        var files = try workspace.stored(Self.name)
        files += try ["bases/llama.gguf", "bases/qwen2.gguf", "bases/gpt2.gguf"].map {
            FuzzInput([.init("model.gguf", try workspace.fixture($0))])
        }
        // Small ones, so that most mutations meet what is parsed.
        for version in [2, 3] as [UInt32] {
            for tokenizer in [nil, "gpt2", "llama", "bert"] {
                files.append(
                    FuzzInput([
                        .init("model.gguf", GGUFBytes.file(version: version, tokenizer: tokenizer))
                    ]))
            }
        }
        corpus = files
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        let path = try workspace.write("model.gguf", input.parts[0].bytes)
        guard let file = try? GGUFFile(path: path) else { return false }
        try SafetensorsTarget.check(file, byteCount: input.parts[0].bytes.count)
        for key in file.keys {
            guard file.metadata[key]?.summary.isEmpty == false else {
                throw FuzzFailure("metadata '\(key)' is listed and has no value")
            }
        }
        // What training would do with it: names, configuration and tokenizer of a model.
        if let tokenizer = try? TokenizerSource(path: path).makeTokenizer() {
            try TokenizerTarget.check(tokenizer)
        }
        return true
    }
}

/// A small GGUF file, from the format's description.
enum GGUFBytes {
    /// - Parameter tokenizer: the kind of tokenizer in it, or nil.
    static func file(version: UInt32, tokenizer: String?) -> [UInt8] {
        var pairs: [[UInt8]] = [
            text("general.architecture") + number(8 as UInt32) + text("llama"),
            text("general.alignment") + number(4 as UInt32) + number(32 as UInt32),
            text("llama.block_count") + number(4 as UInt32) + number(1 as UInt32),
            text("f") + number(6 as UInt32) + number((1.5 as Float).bitPattern),
            text("d") + number(12 as UInt32) + number((2.5 as Double).bitPattern),
            text("b") + number(7 as UInt32) + [1],
            text("n") + number(9 as UInt32) + number(9 as UInt32) + number(2 as UInt64)
                + number(5 as UInt32) + number(1 as UInt64) + number(7 as UInt32)
                + number(3 as UInt32) + number(2 as UInt64) + number(7 as UInt32),
        ]
        switch tokenizer {
        case "gpt2": pairs += bytePairs
        case "llama": pairs += sentencePieces
        case "bert": pairs += wordPieces
        default: break
        }
        // Types: F32, F16, Q4_0, Q4_1, Q8_0, Q6_K; blocks of 32, the last of 256.
        let tensors: [(type: UInt32, shape: [UInt64], bytes: Int)] = [
            (0, [8, 2], 64), (1, [16], 32), (2, [32], 18), (3, [32, 1], 20), (8, [32], 34), (14, [256], 210),
        ]
        var offset: UInt64 = 0
        var infos: [UInt8] = []
        var data: [UInt8] = []
        for (index, tensor) in tensors.enumerated() {
            infos += text("t\(index)") + number(UInt32(tensor.shape.count))
            infos += tensor.shape.flatMap { number($0) } + number(tensor.type) + number(offset)
            data += [UInt8](repeating: UInt8(index + 1), count: (tensor.bytes + 31) / 32 * 32)
            offset = UInt64(data.count)
        }
        var bytes = Array("GGUF".utf8) + number(version) + number(UInt64(tensors.count))
        bytes += number(UInt64(pairs.count)) + pairs.flatMap { $0 } + infos
        while bytes.count % 32 != 0 { bytes.append(0) }
        return bytes + data
    }

    private static var bytePairs: [[UInt8]] {
        [
            text("tokenizer.ggml.model") + number(8 as UInt32) + text("gpt2"),
            text("tokenizer.ggml.pre") + number(8 as UInt32) + text("smollm"),
            text("tokenizer.ggml.tokens")
                + list(8, ["<s>", "a", "b", "Ġ", "ab", "Ġab", "<|end|>", "c"].map(text)),
            text("tokenizer.ggml.token_type")
                + list(5, [3, 1, 1, 1, 1, 1, 4, 1].map { number($0 as UInt32) }),
            text("tokenizer.ggml.merges") + list(8, ["a b", "Ġ ab"].map(text)),
            text("tokenizer.ggml.bos_token_id") + number(4 as UInt32) + number(0 as UInt32),
            text("tokenizer.ggml.eos_token_id") + number(4 as UInt32) + number(6 as UInt32),
            text("tokenizer.ggml.add_bos_token") + number(7 as UInt32) + [1],
            text("tokenizer.chat_template") + number(8 as UInt32) + text("{{ messages }}"),
        ]
    }

    private static var sentencePieces: [[UInt8]] {
        [
            text("tokenizer.ggml.model") + number(8 as UInt32) + text("llama"),
            text("tokenizer.ggml.tokens")
                + list(
                    8,
                    ["<unk>", "<s>", "</s>", "<0x0A>", "a", "\u{2581}", "aa", "\u{2581}a", "<|x|>"].map(text)),
            text("tokenizer.ggml.scores")
                + list(6, [0, 0, 0, 0, -3, -4, -1, -2, 0].map { number(($0 as Float).bitPattern) }),
            text("tokenizer.ggml.token_type")
                + list(5, [2, 3, 3, 6, 1, 1, 1, 1, 4].map { number($0 as UInt32) }),
            text("tokenizer.ggml.bos_token_id") + number(4 as UInt32) + number(1 as UInt32),
            text("tokenizer.ggml.unknown_token_id") + number(4 as UInt32) + number(0 as UInt32),
            text("tokenizer.ggml.add_space_prefix") + number(7 as UInt32) + [1],
        ]
    }

    private static var wordPieces: [[UInt8]] {
        [
            text("tokenizer.ggml.model") + number(8 as UInt32) + text("bert"),
            text("tokenizer.ggml.tokens")
                + list(
                    8, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u{2581}a", "a", "\u{2581}hello", "s"].map(text)),
            text("tokenizer.ggml.token_type")
                + list(5, [3, 3, 3, 3, 1, 1, 1, 1].map { number($0 as UInt32) }),
            text("tokenizer.ggml.unknown_token_id") + number(4 as UInt32) + number(1 as UInt32),
            text("tokenizer.ggml.cls_token_id") + number(4 as UInt32) + number(2 as UInt32),
            text("tokenizer.ggml.seperator_token_id") + number(4 as UInt32) + number(3 as UInt32),
        ]
    }

    private static func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number($0 * 8)) }
    }

    private static func text(_ value: String) -> [UInt8] {
        number(UInt64(value.utf8.count)) + Array(value.utf8)
    }

    private static func list(_ type: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
        number(9 as UInt32) + number(type) + number(UInt64(elements.count)) + elements.flatMap { $0 }
    }
}
