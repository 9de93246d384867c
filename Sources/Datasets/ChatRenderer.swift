/// A stretch of a rendered chat that is encoded by itself.
public struct ChatPiece: Sendable, Equatable {
    /// Its text, special tokens written out.
    public var text: String
    /// The message it belongs to; nil for what the template adds around the whole chat.
    public var messageIndex: Int?
    /// Whether the assistant produces it: what it says, and its end token.
    public var isAssistant: Bool

    public init(text: String, messageIndex: Int?, isAssistant: Bool) {
        self.text = text
        self.messageIndex = messageIndex
        self.isAssistant = isAssistant
    }
}

/// A chat template, as far as training needs it.
public protocol ChatRenderer: Sendable {
    /// The pieces of a chat; their texts, joined, are the rendered chat.
    ///
    /// - Throws: ``DatasetError`` with code `.tokenization` when the template does not take these messages.
    func pieces(of messages: [Message]) throws(DatasetError) -> [ChatPiece]
}
