import Tensors

/// Packs prompts with their choices into micro-batches.
struct ChoiceWriter {
    private let maxTokens: Int
    private let packing: Bool
    private var done: [MicroBatch] = []
    private var doneRoles: [[EvaluationChunk.Role]] = []
    private var batch = MicroBatch()
    private var roles: [EvaluationChunk.Role] = []

    init(maxTokens: Int, packing: Bool) {
        self.maxTokens = maxTokens
        self.packing = packing
    }

    /// Adds a row: its prompt once for as many choices as fit behind it.
    mutating func add(prompt: [Int32], choices: [[Int32]], gold: Int?, position: Int, exampleID: UInt32) {
        let shared = prompt.dropLast()
        var next = 0
        while next < choices.count {
            var tokens = shared.count
            var end = next
            while end < choices.count, end == next || tokens + length(choices[end], prompt) <= maxTokens {
                tokens += length(choices[end], prompt)
                end += 1
            }
            if !batch.tokenIDs.isEmpty, !packing || batch.tokenCount + tokens > maxTokens { close() }
            var prefix: Int?
            if !shared.isEmpty {
                prefix = batch.sequences.count
                append(Array(shared), targets: nil, exampleID, offset: 0, prefix: nil, .prefix)
            }
            for choice in next..<end {
                let tokens = choices[choice]
                // Input: the prompt's last token and the completion without EOS; target: the completion with EOS.
                append(
                    prompt.suffix(1) + tokens.dropLast(),
                    targets: prompt.isEmpty ? Array(tokens.dropFirst()) : tokens,
                    exampleID, offset: shared.count, prefix: prefix,
                    .choice(row: position, choice: choice, isGold: choice == gold))
            }
            next = end
        }
    }

    /// The micro-batches and their roles.
    mutating func finish() -> ([MicroBatch], [[EvaluationChunk.Role]]) {
        close()
        return (done, doneRoles)
    }

    /// Input tokens of a choice.
    private func length(_ choice: [Int32], _ prompt: [Int32]) -> Int {
        choice.count - (prompt.isEmpty ? 1 : 0)
    }

    private mutating func append(
        _ tokens: [Int32], targets: [Int32]?, _ exampleID: UInt32, offset: Int, prefix: Int?,
        _ role: EvaluationChunk.Role
    ) {
        guard !tokens.isEmpty else { return }
        batch.sequences.append(
            MicroBatch.Sequence(
                start: batch.tokenIDs.count, count: tokens.count, exampleID: exampleID,
                exampleOffset: UInt32(offset),
                prefix: prefix))
        batch.tokenIDs += tokens
        batch.targets += targets ?? Array(repeating: MicroBatch.noTarget, count: tokens.count)
        roles.append(role)
    }

    private mutating func close() {
        guard !batch.tokenIDs.isEmpty else { return }
        done.append(batch)
        doneRoles.append(roles)
        batch = MicroBatch()
        roles = []
    }
}
