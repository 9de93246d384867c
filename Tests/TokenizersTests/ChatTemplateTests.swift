import Foundation
import Testing
import Tokenizers

/// Texts and ids equal to those of apply_chat_template of transformers 5.23.0.
@Suite struct ChatTemplateTests {
    private struct Case: Decodable {
        struct Message: Decodable {
            let role: String
            let content: String
        }
        struct Conversation: Decodable {
            let messages: [Message]
            let addGenerationPrompt: Bool
            /// Nil where the template refuses the messages.
            let text: String?
            let ids: [Int32]?
            let isAssistant: [Int]?
        }
        let name: String
        let template: String?
        let tokenizer: String
        let begin: String?
        let end: String
        let conversations: [Conversation]
    }

    private static func check(_ golden: Case, with tokenizer: any Tokenizer) throws {
        let template =
            try golden.template == nil
            ? ChatTemplate.named(golden.name) : ChatTemplate.resolve(for: tokenizer, override: nil)
        #expect(template.name == golden.name)
        for conversation in golden.conversations {
            let messages = conversation.messages.map { ChatMessage(role: $0.role, content: $0.content) }
            let prompt = conversation.addGenerationPrompt
            guard let text = conversation.text else {
                #expect(throws: TokenizerError.self) {
                    try template.encode(messages, addGenerationPrompt: prompt, tokenizer: tokenizer)
                }
                continue
            }
            let segments = try template.render(messages, addGenerationPrompt: prompt, tokenizer: tokenizer)
            #expect(Array(segments.map(\.text).joined().utf8) == Array(text.utf8), "\(golden.name)")
            let encoded = try template.encode(messages, addGenerationPrompt: prompt, tokenizer: tokenizer)
            #expect(encoded.ids == conversation.ids, "\(golden.name): \(text.debugDescription)")
            #expect(
                encoded.isAssistant.map { $0 ? 1 : 0 } == conversation.isAssistant,
                "\(golden.name): \(text.debugDescription)")
        }
    }

    @Test("templates are recognised, and write and encode as apply_chat_template does")
    func goldens() throws {
        let cases = try FixtureFiles.decode([Case].self, from: "chat.json.gz")
        #expect(
            Set(cases.map(\.name)) == [
                "smollm2", "chatml", "qwen2", "qwen2.5", "llama3", "llama3.2", "mistral",
            ])
        for golden in cases {
            var configuration: [String: String] = ["eos_token": golden.end]
            configuration["bos_token"] = golden.begin
            configuration["chat_template"] = golden.template
            let tokenizer = try TokenizerLoader.load(
                tokenizerJSON: FixtureFiles.bytes("\(golden.tokenizer).tokenizer.json"),
                otherFiles: ["tokenizer_config.json": Array(try JSONEncoder().encode(configuration))])
            try Self.check(golden, with: tokenizer)
        }
    }

    @Test(
        "SmolLM2's own template encodes conversations in its own vocabulary as apply_chat_template does",
        .enabled(
            if: SmolLM2File.path != nil,
            "SHOAL_SMOLLM2_GGUF names no file, and data/ of the checkout holds no SmolLM2*.gguf"))
    func smollm2() throws {
        let path = try #require(SmolLM2File.path)
        let tokenizer = try TokenizerLoader.load(gguf: GGUFMetadataReader.tokenizerMetadata(path: path))
        for golden in try FixtureFiles.decode([Case].self, from: "smollm2.chat.json.gz") {
            try Self.check(golden, with: tokenizer)
        }
    }

    @Test(
        "a template that is not known is refused with its beginning",
        arguments: [
            "{% for message in messages %}{{ '<|user|>\n' + message['content'] }}{% endfor %}",
            // ChatML, but for a space.
            "{% for message in messages %}{{'<|im_start|> ' + message['role'] + '\n' + message['content'] + "
                + "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
                + "{{ '<|im_start|>assistant\n' }}{% endif %}",
            "{{ unfinished", "{% for x in 'unfinished string %}", "", "text only", "{{+ 1 }}", "{{ '\\q' }}",
        ])
    func unknownTemplatesAreRefused(text: String) throws {
        let error = #expect(throws: TokenizerError.self) { try ChatTemplate(recognizing: text) }
        #expect(error?.code == .unknownChatTemplate)
        #expect(error?.message.contains("\"\(text.prefix(80))\"") == true)
    }

    @Test("the plain template marks what the assistant says and its end token")
    func plainTemplate() throws {
        let tokenizer = try TokenizerLoader.load(
            tokenizerJSON: FixtureFiles.bytes("gpt2.tokenizer.json"),
            otherFiles: ["tokenizer_config.json": Array(#"{"eos_token": "<|endoftext|>"}"#.utf8)])
        let template = try ChatTemplate.resolve(for: tokenizer, override: "plain")
        let messages = [
            ChatMessage(role: "user", content: "the quick brown fox?"),
            ChatMessage(role: "assistant", content: "Yes."),
        ]
        let segments = try template.render(messages, addGenerationPrompt: true, tokenizer: tokenizer)
        #expect(
            segments.map(\.text).joined()
                == "User: the quick brown fox?\nAssistant: Yes.<|endoftext|>\nAssistant:")
        let encoded = try template.encode(messages, addGenerationPrompt: false, tokenizer: tokenizer)
        let said = zip(encoded.ids, encoded.isAssistant).filter(\.1).map(\.0)
        #expect(tokenizer.decode(said, skipSpecialTokens: false) == " Yes.<|endoftext|>")
        #expect(throws: TokenizerError.self) { try ChatTemplate.resolve(for: tokenizer, override: nil) }
        #expect(throws: TokenizerError.self) { try ChatTemplate.named("chatgpt") }
        #expect(throws: TokenizerError.self) {
            try template.render([], addGenerationPrompt: false, tokenizer: tokenizer)
        }
    }
}
