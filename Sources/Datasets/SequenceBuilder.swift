public import Tokenizers

/// Makes token sequences of rows.
///
/// - prompt and completion: `encode(prompt) + encode(completion) + [eos]`, each encoded by itself; a
///   begin-of-sequence token first where the tokenizer's configuration adds one. Loss on completion and EOS.
/// - chats: the text the chat template makes of them, encoded at once as `apply_chat_template` does. Loss on what
///   the assistant says and its end token, or on everything.
/// - text: `encode(text) + [eos]`, loss on everything. A long text is split into pieces that overlap by one
///   token, which the second piece only reads, so that each token is predicted once.
/// - an encoder's rows (``SequenceObjective``): a labelled text with its class at the first token, or a text with some
///   tokens masked.
///
/// A sequence that is too long loses tokens from the left of its prompt (never the begin-of-sequence token, and
/// never the last, which predicts the first token to learn); what is still too long is cut on the right.
public struct SequenceBuilder: Sendable {
    /// Text to ids.
    public var tokenizer: any Tokenizer
    /// How chats are written; nil when there is no chat among the rows.
    public var chatTemplate: ChatTemplate?
    /// Longest sequence in tokens, at least 2.
    public var maxSequenceLength: Int
    /// Whether a chat's loss is on all its tokens instead of the assistant's.
    public var learnsWholeChat: Bool
    /// What the loss asks.
    public var objective: SequenceObjective

    /// - Precondition: `maxSequenceLength >= 2`.
    public init(
        tokenizer: any Tokenizer, chatTemplate: ChatTemplate? = nil, maxSequenceLength: Int,
        learnsWholeChat: Bool = false, objective: SequenceObjective = .nextToken
    ) {
        precondition(
            maxSequenceLength >= 2, "sequences of at most \(maxSequenceLength) tokens have nothing to predict"
        )
        self.tokenizer = tokenizer
        self.chatTemplate = chatTemplate
        self.maxSequenceLength = maxSequenceLength
        self.learnsWholeChat = learnsWholeChat
        self.objective = objective
    }

    /// The example of row `index` of `dataset` in an epoch (from 0), which decides what is masked and nothing else.
    ///
    /// - Throws: ``DatasetError`` that names file and line.
    public func example(_ index: Int, of dataset: Dataset, epoch: Int = 0) throws(DatasetError) -> Example {
        let row = try dataset.row(index)
        do {
            return try example(of: row, id: UInt32(index), epoch: epoch)
        } catch {
            throw dataset.named(error, index)
        }
    }

    /// The example of a row.
    ///
    /// - Throws: ``DatasetError`` with code `.noSupervision` when no token would have a loss, `.tokenization` when
    ///   the tokenizer or chat template refuses, `.unsupported` for rows that the objective has no meaning for.
    public func example(of row: Row, id: UInt32, epoch: Int = 0) throws(DatasetError) -> Example {
        let example: Example
        switch (row, objective) {
        case (.labelled(let text, let label), .label(let labels, let frame)):
            example = try labelled(text, label, labels: labels, frame: frame, id: id)
        case (.text(let text), .maskedTokens(let masking, let frame)):
            example = try masked(text, masking: masking, frame: frame, id: id, epoch: epoch)
        case (_, .label):
            throw DatasetError(code: .unsupported, message: "expected a row of text and label")
        case (_, .maskedTokens):
            throw DatasetError(code: .unsupported, message: "objective: mlm takes rows of text alone")
        case (.text(let text), .nextToken):
            example = split(try textTokens(text), id: id)
        case (.promptCompletion(let prompt, let completion), .nextToken):
            let promptTokens = try promptTokens(prompt)
            let tokens = promptTokens + (try completionTokens(completion))
            let supervised = tokens.indices.map { $0 >= promptTokens.count }
            example = cut(tokens, supervised, id: id)
        case (.chat(let messages), .nextToken):
            let (tokens, supervised) = try chatTokens(messages, learntFrom: 0)
            example = cut(tokens, supervised, id: id)
        case (.chatCompletion(let prompt, let completion), .nextToken):
            let (tokens, supervised) = try chatTokens(prompt + completion, learntFrom: prompt.count)
            example = cut(tokens, supervised, id: id)
        case (.labelled, .nextToken):
            throw DatasetError(
                code: .unsupported,
                message: "rows of text and label need a base with a classification head; "
                    + "for a language model write prompt and completion")
        }
        guard example.supervisedTokenCount > 0 else {
            throw DatasetError(
                code: .noSupervision,
                message: "no token has a loss: a row without labels; remove it or make it longer")
        }
        return example
    }

    /// Checks that the chat template accepts every chat of `dataset`, without encoding any.
    ///
    /// Roles and their order decide that, and a chat may be the last of an epoch: without a look at all of them, one
    /// that is refused would end a run in the middle.
    /// - Throws: ``DatasetError`` with code `.tokenization` that names file and line.
    public func checkChats(of dataset: Dataset) throws(DatasetError) {
        guard dataset.readers.contains(where: { $0.shape.isChat }) else { return }
        try dataset.forEachRow { (_, row) throws(DatasetError) in
            switch row {
            case .chat(let messages): _ = try chatSegments(messages, learntFrom: 0)
            case .chatCompletion(let prompt, let completion):
                _ = try chatSegments(prompt + completion, learntFrom: prompt.count)
            case .promptCompletion, .labelled, .text: break
            }
        }
    }

    /// The ids of a prompt, with the begin-of-sequence token where the tokenizer adds one.
    func promptTokens(_ text: String) throws(DatasetError) -> [Int32] {
        let tokens = try encode(text)
        guard tokenizer.addsBeginOfSequence, let bos = tokenizer.bosTokenID else { return tokens }
        return [bos] + tokens
    }

    /// The ids of a completion and EOS.
    func completionTokens(_ text: String) throws(DatasetError) -> [Int32] {
        try encode(text) + [endOfSequence()]
    }

    /// The last `count` tokens of a prompt; the begin-of-sequence token stays where there is one and room.
    func cutPrompt(_ tokens: [Int32], to count: Int) -> [Int32] {
        guard tokens.count > count else { return tokens }
        return keepsFirst(tokens, promptCount: tokens.count) && count > 1
            ? tokens.prefix(1) + tokens.suffix(count - 1) : Array(tokens.suffix(count))
    }

    /// Whether the first token is one that cutting leaves.
    private func keepsFirst(_ tokens: [Int32], promptCount: Int) -> Bool {
        tokenizer.addsBeginOfSequence && promptCount > 1 && tokens.first == tokenizer.bosTokenID
    }

    private func textTokens(_ text: String) throws(DatasetError) -> [Int32] {
        try promptTokens(text) + [endOfSequence()]
    }

    private func endOfSequence() throws(DatasetError) -> Int32 {
        guard let eos = tokenizer.eosTokenID else {
            throw DatasetError(
                code: .tokenization,
                message:
                    "the tokenizer names no end-of-sequence token; add eos_token to its tokenizer_config.json"
            )
        }
        return eos
    }

    func encode(_ text: String) throws(DatasetError) -> [Int32] {
        do {
            return try tokenizer.encode(text, addSpecialTokens: false)
        } catch {
            throw DatasetError(code: .tokenization, message: error.message)
        }
    }

    /// The ids of a chat, and which are learnt: of the messages from `firstLearnt` on.
    private func chatTokens(_ messages: [ChatMessage], learntFrom firstLearnt: Int) throws(DatasetError)
        -> (tokens: [Int32], supervised: [Bool])
    {
        let segments = try chatSegments(messages, learntFrom: firstLearnt)
        do throws(TokenizerError) {
            let encoded = try tokenizer.encode(segments: segments, addSpecialTokens: false)
            return (encoded.ids, encoded.isMarked)
        } catch {
            throw DatasetError(code: .tokenization, message: error.message)
        }
    }

    /// The text of a chat in pieces, those marked that are learnt.
    private func chatSegments(_ messages: [ChatMessage], learntFrom firstLearnt: Int) throws(DatasetError)
        -> [TextSegment]
    {
        guard let chatTemplate else {
            throw DatasetError(
                code: .tokenization,
                message: "the row is a chat and the base has no chat template; name one in data.chat_template"
            )
        }
        do throws(TokenizerError) {
            let segments = try chatTemplate.render(messages, addGenerationPrompt: false, tokenizer: tokenizer)
            var promptSegments: [ChatSegment] = []
            if firstLearnt > 0 {
                promptSegments = try chatTemplate.render(
                    Array(messages.prefix(firstLearnt)), addGenerationPrompt: false, tokenizer: tokenizer)
            }
            guard segments.starts(with: promptSegments) else {
                throw TokenizerError(
                    code: .invalidMessages,
                    message: "the chat template \"\(chatTemplate.name)\" writes the prompt otherwise when a "
                        + "completion follows; write the row as messages")
            }
            return segments.enumerated().map { index, segment in
                let isLearnt = learnsWholeChat || segment.isAssistantContent
                return TextSegment(segment.text, isMarked: isLearnt && index >= promptSegments.count)
            }
        } catch {
            throw DatasetError(code: .tokenization, message: error.message)
        }
    }

    /// Cuts a sequence whose prompt ends where the first supervised token is.
    private func cut(_ tokens: [Int32], _ supervised: [Bool], id: UInt32) -> Example {
        let excess = tokens.count - maxSequenceLength
        guard excess > 0 else {
            return Example(
                id: id, sequences: [TrainingSequence(tokenIDs: tokens, supervised: supervised, exampleID: id)]
            )
        }
        let promptCount = supervised.firstIndex(of: true) ?? tokens.count
        let keepsFirst =
            tokenizer.addsBeginOfSequence && promptCount > 1 && tokens.first == tokenizer.bosTokenID
        let head = keepsFirst && maxSequenceLength > 2 ? 1 : 0
        let promptTokensCut = min(excess, max(0, promptCount - head - 1))
        let kept =
            Array(0..<head) + Array((head + promptTokensCut)..<tokens.count).prefix(maxSequenceLength - head)
        let sequence = TrainingSequence(
            tokenIDs: kept.map { tokens[$0] }, supervised: kept.map { supervised[$0] }, exampleID: id)
        return Example(
            id: id, sequences: [sequence], promptTokensCut: promptTokensCut,
            completionTokensCut: excess - promptTokensCut)
    }

    /// Splits a text into pieces of the longest length that overlap by one token.
    private func split(_ tokens: [Int32], id: UInt32) -> Example {
        var sequences: [TrainingSequence] = []
        var start = 0
        repeat {
            let piece = Array(tokens[start..<min(tokens.count, start + maxSequenceLength)])
            sequences.append(
                TrainingSequence(
                    tokenIDs: piece, supervised: Array(repeating: true, count: piece.count), exampleID: id,
                    exampleOffset: UInt32(start)))
            start += maxSequenceLength - 1
        } while start < tokens.count - 1
        return Example(id: id, sequences: sequences)
    }
}
