public import Tokenizers

/// A shape that rows can have. A file has one.
public enum RowShape: String, Sendable, Equatable, CaseIterable {
    /// `{"messages": [{"role", "content"} …]}`
    case messages
    /// `{"conversations": [{"from", "value"} …]}`
    case conversations
    /// `{"instruction", "input"?, "output"}`
    case instruction
    /// `{"prompt", "completion"}`, both strings
    case promptCompletion
    /// `{"prompt", "completion"}`, both lists of messages
    case promptCompletionMessages
    /// `{"text", "label"}`
    case textLabel
    /// `{"text"}`
    case text

    /// The keys a row of this shape must have.
    public var requiredKeys: [String] {
        switch self {
        case .messages: ["messages"]
        case .conversations: ["conversations"]
        case .instruction: ["instruction", "output"]
        case .promptCompletion, .promptCompletionMessages: ["prompt", "completion"]
        case .textLabel: ["text", "label"]
        case .text: ["text"]
        }
    }

    /// How a person would write it.
    public var title: String {
        switch self {
        case .messages: "messages (role, content)"
        case .conversations: "conversations (from, value)"
        case .instruction: "instruction, input, output"
        case .promptCompletion: "prompt, completion"
        case .promptCompletionMessages: "prompt, completion (lists of messages)"
        case .textLabel: "text, label"
        case .text: "text"
        }
    }

    /// Whether the row needs a chat template.
    public var isChat: Bool {
        self == .messages || self == .conversations || self == .promptCompletionMessages
    }
}

/// What one row says, whatever its keys were called.
public enum Row: Sendable, Equatable {
    /// A chat; the assistant's turns are what is learnt.
    case chat([ChatMessage])
    /// A prompt and what should follow it.
    case promptCompletion(prompt: String, completion: String)
    /// A chat so far and the turns that should follow it.
    case chatCompletion(prompt: [ChatMessage], completion: [ChatMessage])
    /// A text of a class.
    case labelled(text: String, label: String)
    /// A text; all of it is learnt.
    case text(String)
}

/// The prompt that Stanford Alpaca made of an instruction; models tuned on such rows know it.
///
/// - Source: github.com/tatsu-lab/stanford_alpaca, `train.py`, `PROMPT_DICT`.
public enum AlpacaPrompt {
    /// The prompt for an instruction, with an input where it is not empty.
    public static func render(instruction: String, input: String) -> String {
        input.isEmpty
            ? "Below is an instruction that describes a task. "
                + "Write a response that appropriately completes the request.\n\n"
                + "### Instruction:\n\(instruction)\n\n### Response:"
            : "Below is an instruction that describes a task, paired with an input that provides further context. "
                + "Write a response that appropriately completes the request.\n\n"
                + "### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:"
    }
}
