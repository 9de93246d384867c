import Datasets
import Tensors
import Testing
import Tokenizers

/// Rows for encoders: labelled texts and masked ones. The tokenizer puts U+0002 (257) before a text.
@Suite struct EncoderRowsTests {
    private let folder: TemporaryFolder
    private let tokenizer = ByteTokenizer(addsBeginOfSequence: true)

    init() throws { folder = try TemporaryFolder() }

    private func dataset(_ lines: [String]) throws -> Dataset {
        try Dataset(paths: [try folder.write(lines.joined(separator: "\n"))])
    }

    private func labelling(_ names: [String], length: Int = 64) throws -> SequenceBuilder {
        SequenceBuilder(
            tokenizer: tokenizer, maxSequenceLength: length,
            objective: .label(try ClassLabels(names), try TextFrame(of: tokenizer)))
    }

    private func masking(seed: UInt64 = 5, length: Int = 64) throws -> SequenceBuilder {
        SequenceBuilder(
            tokenizer: tokenizer, maxSequenceLength: length,
            objective: .maskedTokens(
                TokenMasking(seed: seed, maskTokenID: 256, vocabularyCount: 256),
                try TextFrame(of: tokenizer)))
    }

    @Test func theClassStandsAtTheFirstTokenAndLongTextsLoseTheirRight() throws {
        let builder = try labelling(["no", "yes"], length: 4)
        let example = try builder.example(of: .labelled(text: "abcdef", label: "yes"), id: 3)
        #expect(example.sequences.map(\.tokenIDs) == [[257, 97, 98, 99]])
        #expect(example.sequences[0].targets == [1, -1, -1, -1])
        #expect(example.supervisedTokenCount == 1 && example.completionTokensCut == 3)
        let empty = try builder.example(of: .labelled(text: "", label: "no"), id: 0)
        #expect(empty.sequences[0].tokenIDs == [257] && empty.sequences[0].targets == [0])
    }

    @Test func aLabelThatIsNotInTheListIsNamedWithFileAndLine() throws {
        let rows = try dataset([
            #"{"text": "a", "label": "good"}"#, #"{"text": "b", "label": "bad"}"#,
            #"{"text": "c", "label": "goood"}"#,
        ])
        let labels = try ClassLabels(["bad", "good"])
        let error = #expect(throws: DatasetError.self) { try labels.counts(of: [0, 1, 2], in: rows) }
        #expect(error?.code == .labels && error?.context.line == 3)
        #expect(error?.message.contains("'goood' is none of bad, good") == true)
        #expect(try labels.counts(of: [0], in: rows) == [0, 1])
        let builder = try labelling(["bad", "good"])
        #expect(throws: DatasetError.self) { try builder.example(2, of: rows) }
        #expect(throws: DatasetError.self) {
            try EvaluationSet(
                dataset: rows, rows: [0, 1, 2], builder: builder,
                split: MicroBatchSplit(microBatches: 1, maxTokens: 64))
        }
    }

    @Test func labelsOfTheDataAreSortedAndNumbersByValue() throws {
        let words = try dataset(["b", "a", "Z", "a"].map { #"{"text": "x", "label": "\#($0)"}"# })
        #expect(try ClassLabels(of: [0, 1, 2, 3], in: words).names == ["Z", "a", "b"])
        #expect(try ClassLabels(of: [0, 1], in: words).names == ["a", "b"])
        let numbers = try dataset([10, 9, 2, 10].map { #"{"text": "x", "label": \#($0)}"# })
        #expect(try ClassLabels(of: [0, 1, 2, 3], in: numbers).names == ["2", "9", "10"])
    }

    @Test(arguments: [[], ["one"], ["a", "b", "a"]])
    func aListThatCannotBeIsRefused(names: [String]) {
        #expect(throws: DatasetError.self) { try ClassLabels(names) }
    }

    @Test func aboutFifteenPercentAreMaskedAndMostOfThoseHidden() throws {
        let builder = try masking(length: 4096)
        let text = String(repeating: "abcdefgh", count: 500)
        let sequence = try builder.example(of: .text(text), id: 1).sequences[0]
        let original = [257] + text.utf8.map { Int32($0) }
        let chosen = sequence.targets.indices.filter { sequence.targets[$0] != MicroBatch.noTarget }
        #expect((520...680).contains(chosen.count))
        #expect(chosen.allSatisfy { sequence.targets[$0] == original[$0] } && !chosen.contains(0))
        let hidden = chosen.count { sequence.tokenIDs[$0] == 256 }
        let kept = chosen.count { sequence.tokenIDs[$0] == original[$0] }
        #expect((0.75...0.85).contains(Double(hidden) / Double(chosen.count)))
        #expect((0.06...0.15).contains(Double(kept) / Double(chosen.count)))
        for index in sequence.tokenIDs.indices where !chosen.contains(index) {
            #expect(sequence.tokenIDs[index] == original[index])
        }
    }

    @Test func masksDependOnSeedEpochAndExampleAndOnNothingElse() throws {
        let text = Row.text(String(repeating: "some text ", count: 20))
        func tokens(_ builder: SequenceBuilder, id: UInt32, epoch: Int) throws -> [Int32] {
            try builder.example(of: text, id: id, epoch: epoch).sequences.flatMap { $0.targets.dropFirst() }
        }
        let one = try tokens(masking(length: 300), id: 1, epoch: 0)
        #expect(try tokens(masking(length: 300), id: 1, epoch: 0) == one)
        // Cut into pieces, each in its frame: the same masks at the same places.
        #expect(try tokens(masking(length: 41), id: 1, epoch: 0) == one)
        #expect(try tokens(masking(length: 300), id: 2, epoch: 0) != one)
        #expect(try tokens(masking(length: 300), id: 1, epoch: 1) != one)
        #expect(try tokens(masking(seed: 6, length: 300), id: 1, epoch: 0) != one)
    }

    @Test func aShortTextHasAtLeastOneMaskedToken() throws {
        for id in 0..<40 {
            let example = try masking().example(of: .text("ab"), id: UInt32(id))
            #expect(example.supervisedTokenCount >= 1)
        }
    }

    @Test func rowsOfAnotherKindAreRefused() throws {
        let masking = try masking()
        let labelling = try labelling(["a", "b"])
        #expect(throws: DatasetError.self) {
            try masking.example(of: .labelled(text: "x", label: "a"), id: 0)
        }
        #expect(throws: DatasetError.self) { try labelling.example(of: .text("x"), id: 0) }
        #expect(throws: DatasetError.self) { try TextFrame(of: ByteTokenizer()) }
        #expect(throws: DatasetError.self) { try TokenMasking(seed: 1, tokenizer: tokenizer) }
    }

    @Test func anEvaluationCountsClasses() throws {
        let rows = try dataset(
            ["a", "b", "b", "c"].map { #"{"text": "\#($0)", "label": "\#($0)"}"# })
        let set = try EvaluationSet(
            dataset: rows, rows: [0, 1, 2, 3], builder: try labelling(["a", "b", "c"]),
            split: MicroBatchSplit(microBatches: 2, maxTokens: 64))
        var summary = EvaluationSummary(of: set)
        let chunk = try set.chunk(0..<4)
        // Everything is taken for b.
        summary.add(
            chunk.microBatches.map { batch in
                batch.sequences.map {
                    SequenceOutcome(
                        lossSum: 1, tokenCount: 1, greedyMatches: batch.targets[$0.start] == 1 ? 1 : 0,
                        predictedClass: 1)
                }
            }, of: chunk)
        let result = summary.result
        #expect(result.accuracy == 0.5 && result.loss == 1 && result.exactMatch == nil)
        #expect(result.confusion?.labels == ["a", "b", "c"])
        #expect(result.confusion?.counts == [[0, 1, 0], [0, 2, 0], [0, 1, 0]])
        // F1 of b is 2 · 2 ÷ (2 + 4); of a and c 0.
        #expect(abs((result.macroF1 ?? 0) - 2.0 / 9) < 1e-12)
        #expect(abs((result.weightedF1 ?? 0) - 1.0 / 3) < 1e-12)
    }
}
