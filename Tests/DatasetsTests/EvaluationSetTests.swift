import Datasets
import Foundation
import Tensors
import Testing

/// A deterministic stand-in for a model: −log p of a token is a function of all tokens before it.
private struct PseudoModel {
    /// −log p(target | context), and whether target is the likeliest.
    func score(_ context: ArraySlice<Int32>, _ target: Int32) -> (loss: Double, isGreedy: Bool) {
        var hash: UInt64 = 17
        for token in context { hash = (hash ^ UInt64(token + 1)) &* 0x0000_0100_0000_01B3 }
        var generator = SeededGenerator(state: hash ^ UInt64(target + 1) << 32)
        let word = generator.next()
        return (Double(word % 1000) / 100, word % 5 != 0)
    }

    /// Outcomes of a micro-batch's sequences, prefixes included in the context.
    func outcomes(_ batch: MicroBatch) -> [SequenceOutcome] {
        batch.sequences.map { sequence in
            let before = sequence.prefix.map { Array(batch.tokenIDs[batch.sequences[$0].range]) } ?? []
            var result = SequenceOutcome(lossSum: 0, tokenCount: 0, greedyMatches: 0)
            for index in sequence.range where batch.targets[index] != MicroBatch.noTarget {
                let context = before + batch.tokenIDs[sequence.start...index]
                let (loss, isGreedy) = score(context[...], batch.targets[index])
                result.lossSum += loss
                result.tokenCount += 1
                result.greedyMatches += isGreedy ? 1 : 0
            }
            return result
        }
    }

    func evaluate(_ set: EvaluationSet, chunkRows: Int) throws -> EvaluationResult {
        var summary = EvaluationSummary(of: set)
        for rows in set.chunks(ofRows: chunkRows) {
            let chunk = try set.chunk(rows)
            summary.add(chunk.microBatches.map(outcomes), of: chunk)
        }
        return summary.result
    }
}

@Suite struct EvaluationSetTests {
    private let folder: TemporaryFolder
    private let model = PseudoModel()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func set(
        _ rows: [(String, String)], length: Int = 200, bos: Bool = false, maxTokens: Int = 64,
        packing: Bool = true, choices: Bool = true
    ) throws -> EvaluationSet {
        let lines = rows.map { "{\"prompt\": \"\($0.0)\", \"completion\": \"\($0.1)\"}" }
        let dataset = try Dataset(paths: [
            try folder.write(lines.joined(separator: "\n"), name: "\(UUID().uuidString).jsonl")
        ])
        return try EvaluationSet(
            dataset: dataset, rows: Array(0..<UInt32(rows.count)),
            builder: SequenceBuilder(
                tokenizer: ByteTokenizer(addsBeginOfSequence: bos), maxSequenceLength: length),
            split: MicroBatchSplit(microBatches: 8, maxTokens: maxTokens, packing: packing),
            comparesChoices: choices)
    }

    private let rows = [
        ("is it?", " yes"), ("are they?", " no"), ("a", " maybe so"), ("", " no"),
        ("what about this longer one", " yes"), ("bc", " yes"),
    ]

    @Test(arguments: [(64, true), (4, true), (1000, true), (64, false)], [1, 2, 100])
    func choicesAgreeWithScoringEveryCompletionByItself(cut: (maxTokens: Int, packing: Bool), chunkRows: Int)
        throws
    {
        let set = try set(rows, maxTokens: cut.maxTokens, packing: cut.packing)
        #expect(set.choices == [" maybe so", " no", " yes"])
        let result = try model.evaluate(set, chunkRows: chunkRows)

        // The same by hand: −log p of each completion with EOS behind the prompt.
        func score(_ prompt: String, _ completion: String) -> SequenceOutcome {
            let tokens = (prompt + completion).utf8.map { Int32($0) } + [256]
            var sum = SequenceOutcome(lossSum: 0, tokenCount: 0, greedyMatches: 0)
            for index in max(1, prompt.utf8.count)..<tokens.count {
                let (loss, isGreedy) = model.score(tokens[..<index], tokens[index])
                sum = SequenceOutcome(
                    lossSum: sum.lossSum + loss, tokenCount: sum.tokenCount + 1,
                    greedyMatches: sum.greedyMatches + (isGreedy ? 1 : 0))
            }
            return sum
        }
        let gold = rows.map { score($0.0, $0.1) }
        let tokens = gold.reduce(0) { $0 + $1.tokenCount }
        let right = rows.filter { row in
            let all = (set.choices ?? []).map { ($0, score(row.0, $0).lossSum) }
            return all.min { $0.1 < $1.1 }?.0 == row.1
        }
        #expect(result.rows == 6 && result.supervisedTokens == tokens)
        #expect(abs(result.loss - gold.reduce(0) { $0 + $1.lossSum } / Double(tokens)) < 1e-12)
        #expect(abs(result.perplexity - exp(result.loss)) < 1e-9)
        #expect(result.choiceAccuracy == Double(right.count) / 6)
        #expect(result.exactMatch == Double(gold.filter { $0.greedyMatches == $0.tokenCount }.count) / 6)

        // Loss and exact match without choices come from plain sequences and are the same.
        let plain = try model.evaluate(try self.set(rows, choices: false), chunkRows: chunkRows)
        #expect(
            plain.choiceAccuracy == nil && plain.exactMatch == result.exactMatch
                && abs(plain.loss - result.loss) < 1e-12)
        #expect(plain.supervisedTokens == tokens)
    }

    @Test func microBatchesOfChoicesKeepTheirLimitAndTheirPrefixes() throws {
        let set = try set(rows, maxTokens: 40)
        let chunk = try set.chunk(0..<6)
        for (batch, roles) in zip(chunk.microBatches, chunk.roles) {
            #expect(batch.sequences.count == roles.count && batch.targets.count == batch.tokenCount)
            #expect(batch.tokenCount <= 40)
            var position = 0
            for (index, sequence) in batch.sequences.enumerated() {
                #expect(sequence.start == position && sequence.count > 0)
                position += sequence.count
                if let prefix = sequence.prefix {
                    #expect(
                        prefix < index && batch.sequences[prefix].prefix == nil && roles[prefix] == .prefix)
                    #expect(Int(sequence.exampleOffset) == batch.sequences[prefix].count)
                }
            }
            #expect(position == batch.tokenCount)
        }
        #expect(chunk.microBatches.count < 18, "choices share a prompt")
    }

    @Test func aLongPromptIsCutTheSameForEveryChoice() throws {
        let chunk = try set([("abcdefghij", " yes"), ("abcdefghij", " nope")], length: 9, bos: true).chunk(
            0..<1)
        // 9 − 6 tokens of " nope" and EOS leave BOS and "ij"; the prefix is the prompt without its last token.
        #expect(
            chunk.microBatches.map(\.tokenIDs) == [
                [257, 105] + [106] + Array(" nope".utf8).map { Int32($0) } + [106]
                    + Array(" yes".utf8).map { Int32($0) }
            ])
    }

    @Test func choicesNeedTwoToSixtyFourCompletionsThatFit() throws {
        func many(_ count: Int) -> [(String, String)] { (0..<count).map { ("p\($0)", "c\($0)") } }
        #expect(try set(many(64)).choices?.count == 64)
        #expect(try set(many(65)).choices == nil)
        #expect(try set(many(1)).choices == nil)
        #expect(try set([("a", "b"), ("a", "a longer one")], length: 12).choices == nil)
        let result = try model.evaluate(try set(many(65)), chunkRows: 10)
        #expect(result.choiceAccuracy == nil && result.exactMatch != nil && result.rows == 65)
    }

    @Test func textsHaveALossOnlyAndPiecesCountToTheirRow() throws {
        let dataset = try Dataset(paths: [fixture("text.jsonl")])
        let set = try EvaluationSet(
            dataset: dataset, rows: [1, 0],
            builder: SequenceBuilder(tokenizer: ByteTokenizer(), maxSequenceLength: 5),
            split: MicroBatchSplit(microBatches: 8, maxTokens: 16))
        let result = try model.evaluate(set, chunkRows: 1)
        #expect(result.rows == 2 && result.choiceAccuracy == nil && result.exactMatch == nil)
        #expect(result.supervisedTokens == 17 + 8)
        let json = try JSONEncoder().encode(result)
        #expect(String(decoding: json, as: UTF8.self).contains("\"supervised_tokens\":25"))
    }

    @Test func lossesThatAreNotNumbersNeverWin() throws {
        let set = try set([("p", "a"), ("p", "b")])
        var summary = EvaluationSummary(of: set)
        let chunk = try set.chunk(0..<2)
        func outcome(_ role: EvaluationChunk.Role) -> SequenceOutcome {
            guard case .choice(_, let choice, _) = role else {
                return SequenceOutcome(lossSum: 0, tokenCount: 0, greedyMatches: 0)
            }
            return SequenceOutcome(lossSum: choice == 0 ? .nan : 3, tokenCount: 2, greedyMatches: 0)
        }
        summary.add(chunk.roles.map { $0.map(outcome) }, of: chunk)
        #expect(summary.result.choiceAccuracy == 0.5)
    }

    @Test func noRowsAreRefused() throws {
        let dataset = try Dataset(paths: [fixture("text.jsonl")])
        #expect(throws: DatasetError.self) {
            _ = try EvaluationSet(
                dataset: dataset, rows: [],
                builder: SequenceBuilder(tokenizer: ByteTokenizer(), maxSequenceLength: 5),
                split: MicroBatchSplit(microBatches: 8, maxTokens: 16))
        }
    }
}
