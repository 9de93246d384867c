/// One message of a conversation.
public struct ChatMessage: Sendable, Hashable {
    /// Who speaks: `system`, `user` or `assistant`.
    public var role: String
    public var content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// A stretch of the text a chat template makes of messages.
public struct ChatSegment: Sendable, Equatable {
    public let text: String
    /// The role of the message it comes from; nil for what the template adds of itself before or after messages.
    public let role: String?
    /// Whether it is what the assistant says: its content, or the token that ends its turn.
    public let isAssistantContent: Bool

    init(_ text: String, role: String? = nil, isAssistantContent: Bool = false) {
        self.text = text
        self.role = role
        self.isAssistantContent = isAssistantContent
    }
}
