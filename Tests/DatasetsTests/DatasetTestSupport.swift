import Datasets
import Foundation
import Tensors
import Tokenizers

/// A tokenizer of bytes: id = byte, but U+0003 is 256 and ends a sequence, U+0002 is 257 and begins one.
struct ByteTokenizer: Tokenizer {
    var addsBeginOfSequence = false
    var eosTokenID: Int32? = 256
    var bosTokenID: Int32? = 257

    func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        if text.contains("\u{7}") { throw TokenizerError(code: .patternFailed, message: "no bells") }
        return (addSpecialTokens && addsBeginOfSequence ? [257] : []) + text.utf8.map(Self.id)
    }
    func encode(
        segments: [TextSegment], addSpecialTokens: Bool
    ) throws(TokenizerError) -> (ids: [Int32], isMarked: [Bool]) {
        let text = segments.map(\.text).joined()
        let marks = segments.flatMap { segment in segment.text.utf8.map { _ in segment.isMarked } }
        return (try encode(text, addSpecialTokens: false), marks)
    }
    private static func id(_ byte: UInt8) -> Int32 { byte == 3 ? 256 : byte == 2 ? 257 : Int32(byte) }
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        String(decoding: ids.filter { $0 < 256 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }
    func bytes(ofToken id: Int32) -> [UInt8]? { id < 256 ? [UInt8(truncatingIfNeeded: id)] : [] }
    func token(ofID id: Int32) -> String? { id == 256 ? "\u{3}" : id == 257 ? "\u{2}" : "\(id)" }
    func id(ofToken token: String) -> Int32? { Int32(token) }
    var vocabularyCount: Int { 258 }
    var padTokenID: Int32? { nil }
    var endTokenIDs: [Int32] { [256] }
    var addedTokens: [AddedToken] { [] }
    var chatTemplateText: String? { nil }
    var canonicalDescription: [UInt8] { [] }
}

/// A folder for a test's files, deleted with the value.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "datasets-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// Writes a file and returns its path.
    func write(_ text: String, name: String = "rows.jsonl") throws -> String {
        let file = url.appending(path: name)
        try Data(text.utf8).write(to: file)
        return file.path
    }
}

/// The path of a fixture in `Tests/Fixtures/datasets`.
func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/datasets/\(name)").path
}

/// SplitMix64, for seeded test data.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Sequences of given lengths; the second half of each is supervised.
func sequences(ofLengths lengths: [Int]) -> [TrainingSequence] {
    lengths.enumerated().map { index, length in
        TrainingSequence(
            tokenIDs: (0..<length).map { Int32($0 % 250) }, supervised: (0..<length).map { $0 >= length / 2 },
            exampleID: UInt32(index))
    }
}
