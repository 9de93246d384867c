import CZlib
import Foundation
import Tokenizers

/// Files of Tests/Fixtures/tokenizers, and the golden values in them.
enum FixtureFiles {
    struct NotReadable: Error, CustomStringConvertible {
        let description: String
    }

    /// The checkout.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder = root.appending(path: "Tests/Fixtures/tokenizers")

    /// The ids and texts Hugging Face tokenizers gives; see make_tokenizer_goldens.py.
    struct Goldens: Decodable, Sendable {
        let ids: [[Int32]]
        let idsWithSpecialTokens: [[Int32]]
        let sequences: [[Int32]]
        let texts: [String]
        let textsWithoutSpecialTokens: [String]
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    static func goldens(_ name: String) throws -> Goldens {
        try decode(Goldens.self, from: "\(name).goldens.json.gz")
    }

    /// The strings all golden ids are of.
    static func strings() throws -> [[UInt8]] {
        try decode([String].self, from: "strings.json.gz").map { text in
            guard let data = Data(base64Encoded: text) else {
                throw NotReadable(description: "strings.json.gz")
            }
            return Array(data)
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(try gunzip(name)))
    }

    static func gunzip(_ name: String) throws -> [UInt8] {
        let path = folder.appending(path: name).path
        guard let file = unsafe gzopen(path, "rb") else { throw NotReadable(description: path) }
        defer { unsafe gzclose(file) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe gzread(file, bytes.baseAddress, UInt32(bytes.count))
            }
            guard count >= 0 else { throw NotReadable(description: path) }
            if count == 0 { return result }
            result += buffer.prefix(Int(count))
        }
    }
}
