/// A token that is looked for in the text itself, before normalisation or splitting.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `AddedToken`.
public struct AddedToken: Sendable, Hashable {
    /// Its row in the embedding.
    public let id: Int32
    /// The text that becomes this token.
    public let content: String
    /// Whether decoding may leave it out.
    public let isSpecial: Bool
    /// Whether it counts only when no word character touches it.
    public let isSingleWord: Bool
    /// Whether it swallows the white space before it.
    public let stripsLeft: Bool
    /// Whether it swallows the white space after it.
    public let stripsRight: Bool
    /// Whether it is looked for in the normalised text rather than in the text as given.
    public let isNormalized: Bool

    public init(
        id: Int32, content: String, isSpecial: Bool, isSingleWord: Bool = false, stripsLeft: Bool = false,
        stripsRight: Bool = false, isNormalized: Bool = false
    ) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        self.isSingleWord = isSingleWord
        self.stripsLeft = stripsLeft
        self.stripsRight = stripsRight
        self.isNormalized = isNormalized
    }
}
