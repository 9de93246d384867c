extension ChatTemplate {
    /// Recognises a template from its Jinja text.
    ///
    /// The text's canonical form must equal that of a template known here; a default system message may be any.
    ///
    /// - Throws: ``TokenizerError`` with code `.unknownChatTemplate`, naming the text's first 80 characters.
    public init(recognizing text: String) throws(TokenizerError) {
        guard let form = JinjaCanonicalForm(text), let template = Self.recognize(form) else {
            throw TokenizerError(
                code: .unknownChatTemplate,
                message: "the base's chat template is not known: \"\(text.prefix(80))\"; if one of "
                    + Self.names.joined(separator: ", ") + " writes conversations the same way, name it",
                context: "data.chat_template")
        }
        self = template
    }

    private static func recognize(_ form: JinjaCanonicalForm) -> ChatTemplate? {
        if let name = fingerprints[form.fingerprint] { return try? named(name) }
        for pattern in patterns {
            // What fills the hole is text of the template; a special token in it would mean another structure.
            if let found = pattern.form.match(form), !found.contains("<|"), !found.contains("[INST]") {
                return pattern.make(found)
            }
        }
        return nil
    }

    private struct Pattern: Sendable {
        let form: JinjaCanonicalForm
        let make: @Sendable (_ found: String) -> ChatTemplate

        init?(_ text: String, _ make: @escaping @Sendable (_ found: String) -> ChatTemplate) {
            guard let form = JinjaCanonicalForm(text) else { return nil }
            self.form = form
            self.make = make
        }
    }

    /// Templates too long to carry; without tools they write the same text as the named one. The fingerprints are of
    /// the texts in Qwen/Qwen2.5-0.5B-Instruct (its GGUF doubles two braces) and meta-llama/Llama-3.2-1B-Instruct.
    ///
    /// Llama 3.2's puts in the day's date unless `date_string` is given; here it is always "26 Jul 2024", the
    /// template's own fallback, so that a run gives the same ids tomorrow.
    private static let fingerprints: [UInt64: String] = [
        0x2FD1_2948_3590_F672: "qwen2.5",
        0x79B1_68DF_0911_9EE0: "qwen2.5",
        0xF202_ABD0_70F3_F419: "llama3.2",
    ]

    /// Short templates, as their models' tokenizer_config.json states them; the hole is U+FFFC.
    private static let patterns: [Pattern] = {
        let chatMLMessages =
            #"{% for message in messages %}HEAD{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "#
            + #"'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"#
            + #"{% endif %}"#
        let defaultSystem =
            "{% if loop.first and messages[0]['role'] != 'system' %}"
            + "{{ '<|im_start|>system\\n\(JinjaCanonicalForm.hole)<|im_end|>\\n' }}{% endif %}"
        let llama3 =
            #"{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "#
            + #"'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + "#
            + #"'<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"#
            + #"{{ content }}{% endfor %}{% if add_generation_prompt %}"#
            + #"{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"#
        let mistralTexts = [
            // Mistral-7B-Instruct-v0.1, Mixtral-8x7B-Instruct-v0.1, and the later one with spaces around.
            MistralText(
                beforeUser: "[INST] ", afterUser: " [/INST]", beforeAssistant: "", afterAssistant: ""),
            MistralText(
                beforeUser: "[INST] ", afterUser: " [/INST]", beforeAssistant: "", afterAssistant: " "),
            MistralText(
                beforeUser: " [INST] ", afterUser: " [/INST]", beforeAssistant: " ", afterAssistant: ""),
        ]
        let mistral = mistralTexts.map { text in
            let before = text.beforeAssistant.isEmpty ? "" : "'\(text.beforeAssistant)' + "
            let after = text.afterAssistant.isEmpty ? "" : " + '\(text.afterAssistant)'"
            return Pattern(
                "{{ bos_token }}{% for message in messages %}"
                    + "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
                    + "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
                    + "{% if message['role'] == 'user' %}"
                    + "{{ '\(text.beforeUser)' + message['content'] + '\(text.afterUser)' }}"
                    + "{% elif message['role'] == 'assistant' %}"
                    + "{{ \(before)message['content'] + eos_token\(after) }}"
                    + "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
                    + "{% endfor %}"
            ) { _ in ChatTemplate(name: "mistral", family: .mistral(text)) }
        }
        return [
            Pattern(chatMLMessages.replacing("HEAD", with: "")) { _ in
                ChatTemplate(name: "chatml", family: .chatML(defaultSystem: nil, refusesOtherRoles: false))
            },
            Pattern(chatMLMessages.replacing("HEAD", with: defaultSystem)) { found in
                let known = named.first {
                    $0.family == .chatML(defaultSystem: found, refusesOtherRoles: false)
                }
                return known
                    ?? ChatTemplate(
                        name: "chatml", family: .chatML(defaultSystem: found, refusesOtherRoles: false))
            },
            Pattern(llama3) { _ in ChatTemplate(name: "llama3", family: .llama3(preamble: nil)) },
        ].compactMap { $0 } + mistral.compactMap { $0 }
    }()
}
