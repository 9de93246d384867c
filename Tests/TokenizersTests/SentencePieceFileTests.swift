import Foundation
import Testing
import Tokenizers

/// What a damaged or hostile `.model` file gives: an error, never a crash in libsentencepiece.
@Suite struct SentencePieceFileTests {
    private static func load(_ bytes: [UInt8]) throws -> any Tokenizer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(bytes).write(to: folder.appending(path: "tokenizer.model"))
        return try TokenizerLoader.load(directory: folder.path)
    }

    /// A message with one field of bytes.
    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 128)
        return [number << 3 | 2, UInt8(bytes.count)] + bytes
    }

    private static func piece(_ text: String, type: UInt8, score: [UInt8] = [0, 0, 0, 0]) -> [UInt8] {
        field(1, field(1, Array(text.utf8)) + [2 << 3 | 5] + score + [3 << 3, type])
    }

    private static let smallest =
        piece("<unk>", type: 2) + piece("<s>", type: 3) + piece("</s>", type: 3) + piece("a", type: 1)

    @Test("a model with one letter encodes it, and all else as unknown")
    func smallestModel() throws {
        let tokenizer = try Self.load(Self.smallest)
        #expect(try tokenizer.encode("aab", addSpecialTokens: false).contains(0))
        #expect(tokenizer.vocabularyCount == 4)
    }

    @Test(
        "a model that is wrong is refused, and what is wrong is named",
        arguments: [
            ("cut", "cut short"), ("no unknown", "unknown pieces"), ("two unknown", "unknown pieces"),
            ("empty piece", "0 bytes"), ("zero", "or a zero"), ("twice", "twice"), ("score", "score"),
            ("type", "unknown type"), ("word model", "model type"), ("suffix", "suffix"), ("bytes", "bytes"),
            ("byte name", "names no byte"), ("kept spaces", "spaces"), ("text", "UTF-8"),
            ("empty", "no pieces"),
            ("denormalizer", "denormalizer"), ("short map", "table of replacements"),
        ])
    func wrongModels(what: String, name: String) throws {
        var bytes = Self.smallest
        switch what {
        case "cut": bytes.removeLast()
        case "no unknown": bytes = Self.piece("a", type: 1)
        case "two unknown": bytes += Self.piece("<unk2>", type: 2)
        case "empty piece": bytes += Self.piece("", type: 1)
        case "zero": bytes += Self.piece("a\0", type: 1)
        case "twice": bytes += Self.piece("a", type: 1)
        case "score": bytes += Self.piece("b", type: 1, score: [0, 0, 0xC0, 0x7F])
        case "type": bytes += Self.piece("b", type: 9)
        case "word model": bytes += Self.field(2, [3 << 3, 3])
        case "suffix": bytes += Self.field(2, [24 << 3 & 0x7F | 0x80, 1, 1])
        case "bytes": bytes += Self.piece("<0x0A>", type: 6)
        case "byte name": bytes += Self.piece("<0xZZ>", type: 6)
        case "kept spaces": bytes += Self.field(3, [5 << 3, 0])
        case "text": bytes += Self.field(1, Self.field(1, [0xFF]))
        case "empty": bytes = []
        case "denormalizer": bytes += Self.field(5, Self.field(2, [1, 2, 3]))
        default: bytes += Self.field(3, Self.field(2, [0, 4, 0, 0, 9]))
        }
        let error = #expect(throws: TokenizerError.self) { try Self.load(bytes) }
        #expect(error?.description.contains(name) == true, "\(error.map { $0.description } ?? "no error")")
    }

    @Test("models cut short or with bytes changed never trap", arguments: ["pairs", "pieces"])
    func damagedModels(name: String) throws {
        let whole = try FixtureFiles.bytes("\(name).model")
        for count in stride(from: 0, to: whole.count, by: 577) { _ = try? Self.load(Array(whole[..<count])) }
        var state: UInt64 = 9
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
            }
            guard let tokenizer = try? Self.load(bytes) else { continue }
            let ids = try tokenizer.encode("The ﬁrst of 12 naïve ½ cafés 中文 e\u{301}", addSpecialTokens: true)
            #expect(ids.allSatisfy { tokenizer.token(ofID: $0) != nil })
            _ = tokenizer.decode(ids, skipSpecialTokens: false)
        }
    }
}
