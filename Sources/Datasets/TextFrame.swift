public import Tokenizers

/// What an encoder's tokenizer puts around every text: `[CLS]` before it and `[SEP]` behind it for BERT.
public struct TextFrame: Sendable, Equatable {
    /// Before the text; never empty. The first of them is what a classifier looks at.
    public let prefix: [Int32]
    /// Behind the text.
    public let suffix: [Int32]

    /// Looks at what the tokenizer adds to a text of one letter.
    ///
    /// - Throws: ``DatasetError`` with code `.tokenization` for a tokenizer that puts nothing before a text.
    public init(of tokenizer: any Tokenizer) throws(DatasetError) {
        let (bare, whole): ([Int32], [Int32])
        do {
            bare = try tokenizer.encode("a", addSpecialTokens: false)
            whole = try tokenizer.encode("a", addSpecialTokens: true)
        } catch {
            throw DatasetError(code: .tokenization, message: error.message)
        }
        let added = whole.count - bare.count
        let start = added > 0 ? (1...added).first { whole[$0..<$0 + bare.count].elementsEqual(bare) } : nil
        guard let start else {
            throw DatasetError(
                code: .tokenization,
                message:
                    "the tokenizer puts no token such as [CLS] before a text, which an encoder needs; is it this "
                    + "base's? Look at post_processor in its tokenizer.json")
        }
        prefix = Array(whole[..<start])
        suffix = Array(whole[(start + bare.count)...])
    }

    /// Tokens it adds.
    public var count: Int { prefix.count + suffix.count }
}
