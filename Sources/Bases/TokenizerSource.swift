public import DurableFiles
import Foundation
import WeightFiles

/// Where a base's tokenizer comes from.
public enum TokenizerSource: Sendable {
    /// A Hugging Face directory; `tokenizer.json` or the older files lie in it.
    case directory(String)
    /// The metadata of a GGUF file.
    case gguf(GGUFTokenizerMetadata)
}

/// The tokenizer as a GGUF file stores it, in plain arrays.
public struct GGUFTokenizerMetadata: Sendable, Equatable {
    /// `tokenizer.ggml.model`: gpt2 (byte-level BPE), llama (SentencePiece) …
    public var model: String
    /// `tokenizer.ggml.pre`: the pre-tokenizer, e.g. smollm, llama-bpe, qwen2.
    public var preTokenizer: String?
    /// `tokenizer.ggml.tokens`: the text of each id.
    public var tokens: [String]
    /// `tokenizer.ggml.token_type` of each id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    public var tokenTypes: [Int]
    /// `tokenizer.ggml.scores` of each id (SentencePiece); may be empty.
    public var scores: [Double]
    /// `tokenizer.ggml.merges`: two tokens with a space between, best first; may be empty.
    public var merges: [String]
    public var bosTokenID: Int?
    public var eosTokenID: Int?
    public var unknownTokenID: Int?
    public var paddingTokenID: Int?
    /// `tokenizer.ggml.cls_token_id` and `seperator_token_id`, as GGUF spells it (WordPiece)
    public var classTokenID: Int?
    public var separatorTokenID: Int?
    /// `tokenizer.ggml.add_bos_token`; nil when the file does not say.
    public var addsBOS: Bool?
    /// `tokenizer.ggml.add_eos_token`
    public var addsEOS: Bool?
    /// `tokenizer.ggml.add_space_prefix` (SentencePiece)
    public var addsSpacePrefix: Bool?
    /// `tokenizer.chat_template`
    public var chatTemplate: String?

    /// Reads the metadata of an open file.
    ///
    /// - Throws: ``BaseError`` with code `.invalid` when there is no vocabulary or its arrays differ in length.
    init(file: GGUFFile) throws {
        let prefix = "tokenizer.ggml."
        let metadata = file.metadata
        func invalid(_ problem: String) -> BaseError { BaseError(.invalid, file.path, problem) }
        guard let model = metadata[prefix + "model"]?.string,
            let tokens = metadata[prefix + "tokens"]?.strings
        else { throw invalid("no tokenizer.ggml.model and tokens; take a GGUF file with its vocabulary") }
        self.model = model
        self.tokens = tokens
        preTokenizer = metadata[prefix + "pre"]?.string
        tokenTypes = (metadata[prefix + "token_type"]?.integers ?? []).map { Int($0) }
        scores = metadata[prefix + "scores"]?.floats ?? []
        merges = metadata[prefix + "merges"]?.strings ?? []
        for (key, count) in [("token_type", tokenTypes.count), ("scores", scores.count)]
        where count != 0 && count != tokens.count {
            throw invalid(
                "\(prefix)\(key) has \(count) entries for \(tokens.count) tokens; fetch the file again")
        }
        func id(_ key: String) throws -> Int? {
            guard let value = metadata[prefix + key] else { return nil }
            guard let id = value.integer, tokens.indices.contains(id) else {
                throw invalid("\(prefix)\(key) is \(value.summary), expected an id below \(tokens.count)")
            }
            return id
        }
        bosTokenID = try id("bos_token_id")
        eosTokenID = try id("eos_token_id")
        unknownTokenID = try id("unknown_token_id")
        paddingTokenID = try id("padding_token_id")
        classTokenID = try id("cls_token_id")
        separatorTokenID = try id("seperator_token_id")
        addsBOS = metadata[prefix + "add_bos_token"]?.boolean
        addsEOS = metadata[prefix + "add_eos_token"]?.boolean
        addsSpacePrefix = metadata[prefix + "add_space_prefix"]?.boolean
        chatTemplate = metadata["tokenizer.chat_template"]?.string
    }
}

extension TokenizerSource {
    /// The tokenizer of a local base, without opening or expanding its weights.
    ///
    /// - Throws: ``BaseError``, `WeightFileError`.
    public init(path: String) throws {
        let names = ["tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "encoder.json"]
        if names.contains(where: { FileManager.default.fileExists(atPath: path + "/" + $0) }) {
            self = .directory(path)
        } else {
            self = try BaseSource(path: path).tokenizer
        }
    }

    /// Files of a Hugging Face directory that say how text becomes ids.
    public static let fileNames = [
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "encoder.json", "merges.txt",
        "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.bpe",
        "vocab.json", "vocab.txt",
    ]

    /// A digest that is equal on two hosts with the same tokenizer.
    public func digest() throws -> Digest {
        var stream = DigestStream()
        switch self {
        case .directory(let path):
            stream.update("shoal tokenizer directory 1\n")
            for name in TokenizerSource.fileNames {
                let file = path + "/" + name
                guard FileManager.default.fileExists(atPath: file) else { continue }
                stream.update("\(name) \(try Digest.sha256(ofFile: file).hex)\n")
            }
        case .gguf(let metadata):
            stream.update("shoal tokenizer gguf 1\n")
            metadata.update(&stream)
        }
        return stream.finish()
    }
}

extension GGUFTokenizerMetadata {
    fileprivate func update(_ stream: inout DigestStream) {
        func text(_ value: String?) -> String { value.map { "\($0.utf8.count):\($0)" } ?? "-" }
        func number(_ value: Int?) -> String { value.map(String.init) ?? "-" }
        func flag(_ value: Bool?) -> String { value.map { $0 ? "1" : "0" } ?? "-" }
        // Lengths in front of the strings, so that no two vocabularies give the same text.
        var lines = "\(text(model)) \(text(preTokenizer)) \(text(chatTemplate))\n"
        for ids in [
            bosTokenID, eosTokenID, unknownTokenID, paddingTokenID, classTokenID, separatorTokenID,
        ] { lines += number(ids) + " " }
        for value in [addsBOS, addsEOS, addsSpacePrefix] { lines += flag(value) + " " }
        stream.update(lines)
        for list in [tokens, merges] {
            stream.update("\n\(list.count)\n")
            var piece: [UInt8] = []
            for element in list {
                piece += Array("\(element.utf8.count):".utf8)
                piece += Array(element.utf8)
            }
            stream.update(piece)
        }
        stream.update("\n\(tokenTypes.map(String.init).joined(separator: " "))\n")
        stream.update(scores.map { String($0.bitPattern, radix: 16) }.joined(separator: " "))
    }
}
