import Foundation
import Tokenizers

/// Reads the tokenizer's entries at the head of a GGUF file, for tests with real vocabularies.
struct GGUFMetadataReader {
    struct NotGGUF: Error {
        let position: Int
    }

    private enum Value {
        case integer(Int)
        case flag(Bool)
        case text(String)
        case integers([Int])
        case floats([Float])
        case texts([String])
        case other
    }

    private let data: Data
    private var position = 0

    static func tokenizerMetadata(path: String) throws -> GGUFTokenizerMetadata {
        var reader = GGUFMetadataReader(
            data: try Data(contentsOf: URL(filePath: path), options: .alwaysMapped))
        return try reader.read()
    }

    private init(data: Data) { self.data = data }

    private mutating func read() throws -> GGUFTokenizerMetadata {
        guard try take(4) == Data("GGUF".utf8) else { throw NotGGUF(position: 0) }
        _ = try unsigned(4)
        _ = try unsigned(8)
        var values: [String: Value] = [:]
        for _ in 0..<(try unsigned(8)) {
            let key = try text()
            values[key] = try value(type: try unsigned(4))
        }
        func integer(_ key: String) -> Int? {
            if case .integer(let number) = values["tokenizer.ggml." + key] { number } else { nil }
        }
        func flag(_ key: String) -> Bool? {
            if case .flag(let flag) = values["tokenizer.ggml." + key] { flag } else { nil }
        }
        func string(_ key: String) -> String? { if case .text(let text) = values[key] { text } else { nil } }
        func texts(_ key: String) -> [String] {
            if case .texts(let texts) = values["tokenizer.ggml." + key] { texts } else { [] }
        }
        let types: [Int32] =
            if case .integers(let numbers) = values["tokenizer.ggml.token_type"] {
                numbers.map { Int32($0) }
            } else { [] }
        let scores: [Float] =
            if case .floats(let numbers) = values["tokenizer.ggml.scores"] { numbers } else { [] }
        return GGUFTokenizerMetadata(
            model: string("tokenizer.ggml.model") ?? "", preTokenizer: string("tokenizer.ggml.pre"),
            tokens: texts("tokens"), tokenTypes: types, scores: scores, merges: texts("merges"),
            bosTokenID: integer("bos_token_id"),
            eosTokenID: integer("eos_token_id"), endOfTurnTokenID: integer("eot_token_id"),
            padTokenID: integer("padding_token_id"),
            unknownTokenID: integer("unknown_token_id"), classTokenID: integer("cls_token_id"),
            separatorTokenID: integer("seperator_token_id"), addsBeginOfSequence: flag("add_bos_token"),
            addsEndOfSequence: flag("add_eos_token"), addsSpacePrefix: flag("add_space_prefix"),
            chatTemplate: string("tokenizer.chat_template"))
    }

    private mutating func take(_ count: Int) throws -> Data {
        guard count >= 0, position + count <= data.count else { throw NotGGUF(position: position) }
        defer { position += count }
        return data[position..<position + count]
    }

    private mutating func unsigned(_ byteCount: Int) throws -> Int {
        try take(byteCount).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text() throws -> String {
        String(decoding: try take(try unsigned(8)), as: UTF8.self)
    }

    private mutating func value(type: Int) throws -> Value {
        switch type {
        case 0, 1: return .integer(try unsigned(1))
        case 2, 3: return .integer(try unsigned(2))
        case 4, 5: return .integer(try unsigned(4))
        case 6: _ = try take(4)
        case 7: return .flag(try unsigned(1) != 0)
        case 8: return .text(try text())
        case 9:
            let elementType = try unsigned(4)
            let count = try unsigned(8)
            if elementType == 8 {
                var texts: [String] = []
                for _ in 0..<count { texts.append(try text()) }
                return .texts(texts)
            }
            if elementType == 6 {
                return .floats(
                    try (0..<count).map { _ in Float(bitPattern: UInt32(try unsigned(4))) })
            }
            var numbers: [Int] = []
            for _ in 0..<count {
                if case .integer(let number) = try value(type: elementType) { numbers.append(number) }
            }
            return .integers(numbers)
        case 10...12: _ = try take(8)
        default: throw NotGGUF(position: position)
        }
        return .other
    }
}
