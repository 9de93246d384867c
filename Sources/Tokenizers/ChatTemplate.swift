/// How a base writes a conversation as text.
///
/// A template is recognised from the base's own Jinja text (``init(recognizing:)``) and then rendered by code of
/// its family; Jinja itself is not run. One that is not recognised is refused, never guessed at, as a wrong
/// template trains a model for prompts it will not see; `data.chat_template` names one instead.
///
/// Special tokens written out in a message's content become special tokens, as in `apply_chat_template` of
/// `transformers`: the whole text is encoded at once. Conversations from people who are not trusted should be
/// cleaned of them before.
public struct ChatTemplate: Sendable, Equatable {
    enum Family: Sendable, Equatable {
        /// `<|im_start|>role`, the content, `<|im_end|>`. Without a system message first, `defaultSystem` is put there.
        case chatML(defaultSystem: String?, refusesOtherRoles: Bool)
        /// Headers and `<|eot_id|>`. With a preamble, there is always a system message, which begins with it.
        case llama3(preamble: String?)
        /// `[INST]` around what the user says.
        case mistral(MistralText)
        /// Names and colons, for bases without a template.
        case plain
    }

    /// The literal texts in which Mistral's templates differ.
    struct MistralText: Sendable, Equatable {
        var beforeUser: String
        var afterUser: String
        var beforeAssistant: String
        var afterAssistant: String
    }

    /// The name `data.chat_template` knows it by.
    public let name: String
    let family: Family

    init(name: String, family: Family) {
        self.name = name
        self.family = family
    }

    /// The names of all templates.
    public static var names: [String] { named.map(\.name) }

    static let named: [ChatTemplate] = [
        ChatTemplate(name: "chatml", family: .chatML(defaultSystem: nil, refusesOtherRoles: false)),
        ChatTemplate(
            name: "smollm2",
            family: .chatML(
                defaultSystem: "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
                refusesOtherRoles: false)),
        ChatTemplate(
            name: "qwen2",
            family: .chatML(defaultSystem: "You are a helpful assistant.", refusesOtherRoles: false)),
        ChatTemplate(
            name: "qwen2.5",
            family: .chatML(
                defaultSystem: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
                refusesOtherRoles: true)),
        ChatTemplate(name: "llama3", family: .llama3(preamble: nil)),
        ChatTemplate(
            name: "llama3.2",
            family: .llama3(preamble: "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n")),
        ChatTemplate(
            name: "mistral",
            family: .mistral(
                MistralText(
                    beforeUser: "[INST] ", afterUser: " [/INST]", beforeAssistant: "", afterAssistant: ""))),
        ChatTemplate(name: "plain", family: .plain),
    ]

    /// The template of a name.
    ///
    /// - Throws: ``TokenizerError`` with code `.unknownChatTemplate`, listing the names.
    public static func named(_ name: String) throws(TokenizerError) -> ChatTemplate {
        guard let template = named.first(where: { $0.name == name }) else {
            throw TokenizerError(
                code: .unknownChatTemplate,
                message: "there is no chat template \"\(name.prefix(80))\"; expected one of "
                    + names.joined(separator: ", "),
                context: "data.chat_template")
        }
        return template
    }

    /// The template to use with a base: the named one, or the base's own.
    ///
    /// - Parameter override: `data.chat_template` of the configuration.
    /// - Throws: ``TokenizerError`` with code `.unknownChatTemplate` when the base has no template, or one that is
    ///   not recognised.
    public static func resolve(
        for tokenizer: any Tokenizer, override: String?
    ) throws(TokenizerError) -> ChatTemplate {
        if let override { return try named(override) }
        guard let text = tokenizer.chatTemplateText else {
            throw TokenizerError(
                code: .unknownChatTemplate,
                message:
                    "the base has no chat template, and messages need one; set data.chat_template to one of "
                    + names.joined(separator: ", ") + " (\"plain\" suits any base)")
        }
        return try ChatTemplate(recognizing: text)
    }

    /// Encodes messages: the ids `apply_chat_template` of `transformers` gives, and which of them are what the
    /// assistant says or the token that ends its turn.
    ///
    /// - Parameter addGenerationPrompt: whether the assistant's next turn is begun, for generating it.
    /// - Throws: ``TokenizerError`` with code `.invalidMessages` for messages the template does not accept.
    public func encode(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, tokenizer: any Tokenizer
    ) throws(TokenizerError) -> (ids: [Int32], isAssistant: [Bool]) {
        let segments = try render(messages, addGenerationPrompt: addGenerationPrompt, tokenizer: tokenizer)
        let encoded = try tokenizer.encode(
            segments: segments.map { TextSegment($0.text, isMarked: $0.isAssistantContent) },
            addSpecialTokens: false)
        return (encoded.ids, encoded.isMarked)
    }

    /// Writes messages as segments, whose texts joined are the text `apply_chat_template` gives.
    ///
    /// - Throws: ``TokenizerError`` with code `.invalidMessages` for messages the template does not accept.
    public func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, tokenizer: any Tokenizer
    ) throws(TokenizerError) -> [ChatSegment] {
        guard let first = messages.first else { throw invalid("there are no messages") }
        switch family {
        case .chatML(let defaultSystem, let refusesOtherRoles):
            if refusesOtherRoles { try requireOrdinaryRoles(messages) }
            return renderChatML(
                messages, defaultSystem: first.role == "system" ? nil : defaultSystem,
                addGenerationPrompt: addGenerationPrompt)
        case .llama3(let preamble):
            if preamble != nil { try requireOrdinaryRoles(messages) }
            return renderLlama3(
                messages, preamble: preamble,
                bosToken: try token(tokenizer.bosTokenID, "bos_token", tokenizer),
                addGenerationPrompt: addGenerationPrompt)
        case .mistral(let text):
            return try renderMistral(messages, text, tokenizer: tokenizer)
        case .plain:
            return try renderPlain(messages, addGenerationPrompt: addGenerationPrompt, tokenizer: tokenizer)
        }
    }
}

extension ChatTemplate {
    private func renderChatML(
        _ messages: [ChatMessage], defaultSystem: String?, addGenerationPrompt: Bool
    ) -> [ChatSegment] {
        var segments: [ChatSegment] = []
        if let defaultSystem {
            segments.append(ChatSegment("<|im_start|>system\n\(defaultSystem)<|im_end|>\n"))
        }
        for message in messages {
            let isAssistant = message.role == "assistant"
            segments += [
                ChatSegment("<|im_start|>\(message.role)\n", role: message.role),
                ChatSegment(message.content, role: message.role, isAssistantContent: isAssistant),
                ChatSegment("<|im_end|>", role: message.role, isAssistantContent: isAssistant),
                ChatSegment("\n", role: message.role),
            ]
        }
        if addGenerationPrompt { segments.append(ChatSegment("<|im_start|>assistant\n")) }
        return segments
    }

    private func renderLlama3(
        _ messages: [ChatMessage], preamble: String?, bosToken: String, addGenerationPrompt: Bool
    ) -> [ChatSegment] {
        var segments = [ChatSegment(bosToken)]
        var messages = messages[...]
        if let preamble {
            let system = messages.first?.role == "system" ? messages.removeFirst().content : ""
            messages.insert(
                ChatMessage(role: "system", content: preamble + Self.trimmed(system)), at: messages.startIndex
            )
        }
        for (index, message) in messages.enumerated() {
            let isAssistant = message.role == "assistant"
            let hasPreamble = index == 0 && preamble != nil
            let content = hasPreamble ? message.content : Self.trimmed(message.content)
            segments += [
                ChatSegment("<|start_header_id|>\(message.role)<|end_header_id|>\n\n", role: message.role),
                ChatSegment(content, role: message.role, isAssistantContent: isAssistant),
                ChatSegment("<|eot_id|>", role: message.role, isAssistantContent: isAssistant),
            ]
        }
        if addGenerationPrompt {
            segments.append(ChatSegment("<|start_header_id|>assistant<|end_header_id|>\n\n"))
        }
        return segments
    }

    private func renderMistral(
        _ messages: [ChatMessage], _ text: MistralText, tokenizer: any Tokenizer
    ) throws(TokenizerError) -> [ChatSegment] {
        var segments = [ChatSegment(try token(tokenizer.bosTokenID, "bos_token", tokenizer))]
        let eosToken = try token(tokenizer.eosTokenID, "eos_token", tokenizer)
        for (index, message) in messages.enumerated() {
            guard message.role == (index.isMultiple(of: 2) ? "user" : "assistant") else {
                throw invalid(
                    "message \(index + 1) is of the role \"\(message.role)\"; expected user and assistant by turns, "
                        + "the user first (put what the system should say into the first user message)")
            }
            if message.role == "user" {
                segments.append(ChatSegment(text.beforeUser + message.content + text.afterUser, role: "user"))
            } else {
                segments += [
                    ChatSegment(text.beforeAssistant, role: "assistant"),
                    ChatSegment(message.content + eosToken, role: "assistant", isAssistantContent: true),
                    ChatSegment(text.afterAssistant, role: "assistant"),
                ]
            }
        }
        return segments.filter { !$0.text.isEmpty }
    }

    /// `User: …`, a line a message; what the assistant says ends with the end-of-sequence token.
    private func renderPlain(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, tokenizer: any Tokenizer
    ) throws(TokenizerError) -> [ChatSegment] {
        let eosToken = try token(tokenizer.eosTokenID, "eos_token", tokenizer)
        var segments: [ChatSegment] = []
        if tokenizer.addsBeginOfSequence {
            segments.append(ChatSegment(try token(tokenizer.bosTokenID, "bos_token", tokenizer)))
        }
        for message in messages {
            let isAssistant = message.role == "assistant"
            segments += [
                ChatSegment(
                    message.role.prefix(1).uppercased() + message.role.dropFirst() + ":", role: message.role),
                ChatSegment(" " + message.content, role: message.role, isAssistantContent: isAssistant),
            ]
            if isAssistant {
                segments.append(ChatSegment(eosToken, role: message.role, isAssistantContent: true))
            }
            segments.append(ChatSegment("\n", role: message.role))
        }
        // Without a space at its end: the first token generated begins with it, as in training.
        if addGenerationPrompt { segments.append(ChatSegment("Assistant:")) }
        return segments
    }

    private func invalid(_ what: String) -> TokenizerError {
        TokenizerError(
            code: .invalidMessages, message: "the chat template \"\(name)\" cannot be used: \(what)")
    }

    private func requireOrdinaryRoles(_ messages: [ChatMessage]) throws(TokenizerError) {
        for (index, message) in messages.enumerated()
        where !["system", "user", "assistant"].contains(message.role) {
            throw invalid(
                "message \(index + 1) is of the role \"\(message.role)\"; expected system, user or assistant")
        }
    }

    private func token(_ id: Int32?, _ key: String, _ tokenizer: any Tokenizer) throws(TokenizerError)
        -> String
    {
        guard let id, let token = tokenizer.token(ofID: id) else {
            throw TokenizerError(
                code: .unknownChatTemplate,
                message: "the chat template \"\(name)\" needs the base's \(key), and the base names none")
        }
        return token
    }

    /// Jinja's `trim`: Python's `str.strip()`.
    static func trimmed(_ text: String) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            (0x1C...0x1F).contains(scalar.value) || UnicodeRanges.whitespace.contains(scalar)
        }
        var scalars = text.unicodeScalars[...]
        while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
        while let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return String(String.UnicodeScalarView(scalars))
    }
}
