import Testing
import Tokenizers

@Suite struct StreamingDecoderTests {
    /// A tokenizer whose ids are bytes.
    private struct ByteTokenizer: Tokenizer {
        func encode(_ text: String, addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
            text.utf8.map { Int32($0) }
        }
        func encode(
            segments: [TextSegment], addSpecialTokens: Bool
        ) throws(TokenizerError) -> (ids: [Int32], isMarked: [Bool]) {
            (try encode(segments.map(\.text).joined(), addSpecialTokens: addSpecialTokens), [])
        }
        func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
            String(decoding: ids.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
        func bytes(ofToken id: Int32) -> [UInt8]? { UInt8(exactly: id).map { [$0] } }
        func token(ofID id: Int32) -> String? { nil }
        func id(ofToken token: String) -> Int32? { nil }
        let vocabularyCount = 256
        let bosTokenID: Int32? = nil
        let eosTokenID: Int32? = nil
        let padTokenID: Int32? = nil
        let endTokenIDs: [Int32] = []
        let addedTokens = [AddedToken(id: 0, content: "\0", isSpecial: true)]
        let addsBeginOfSequence = false
        let chatTemplateText: String? = nil
        let canonicalDescription: [UInt8] = []
    }

    @Test("characters appear only when their last byte has come")
    func holdsBackIncompleteCharacters() throws {
        var decoder = StreamingDecoder(tokenizer: ByteTokenizer(), skipSpecialTokens: false)
        let pieces = "aé€😀".utf8.map { decoder.append(Int32($0)) }
        #expect(pieces == ["a", "", "é", "", "", "€", "", "", "", "😀"])
        #expect(decoder.finish() == "")
    }

    @Test(
        "pieces joined equal the whole, also for bytes that are no UTF-8",
        arguments: [
            [0xF0, 0x9F, 0x98], [0xC0, 0x80, 0x41], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xE2, 0x82, 0x41], [0xFF, 0xFE], [0x80, 0x80, 0x80, 0x80], [0xE0, 0x80, 0x80],
            [0xF0, 0x9F, 0xC3, 0xA9],
        ])
    func joinedPiecesEqualTheWhole(bytes: [Int32]) {
        var decoder = StreamingDecoder(tokenizer: ByteTokenizer(), skipSpecialTokens: false)
        var text = bytes.map { decoder.append($0) }.joined()
        text += decoder.finish()
        let whole = ByteTokenizer().decode(bytes, skipSpecialTokens: false)
        #expect(Array(text.unicodeScalars) == Array(whole.unicodeScalars))
    }

    @Test("special tokens are skipped when asked, unknown ids always")
    func skipsSpecialTokens() {
        var skipping = StreamingDecoder(tokenizer: ByteTokenizer(), skipSpecialTokens: true)
        #expect(skipping.append(0) == "")
        #expect(skipping.append(999) == "")
        var keeping = StreamingDecoder(tokenizer: ByteTokenizer(), skipSpecialTokens: false)
        #expect(keeping.append(0) == "\0")
    }
}
