import Foundation
import Testing
import Tokenizers

/// Ids and texts equal to those of Hugging Face tokenizers 0.23.3, for strings chosen to tell tokenizers apart.
@Suite struct GoldenTests {
    /// Compares every golden value of `name` with what `tokenizer` gives; names the first that differ.
    static func check(_ tokenizer: any Tokenizer, against name: String) throws {
        let goldens = try FixtureFiles.goldens(name)
        let strings = try FixtureFiles.strings()
        #expect(strings.count >= 2_000)
        try #require(goldens.ids.count == strings.count)
        var failures: [String] = []
        for (bytes, expected) in zip(strings, goldens.ids) {
            let ids = try tokenizer.encode(bytes: bytes, addSpecialTokens: false)
            if ids != expected {
                failures.append(
                    "\(Array(bytes.prefix(60))) \(ids.prefix(24)) expected \(expected.prefix(24))")
            }
        }
        for (bytes, expected) in zip(strings, goldens.idsWithSpecialTokens) {
            let ids = try tokenizer.encode(bytes: bytes, addSpecialTokens: true)
            if ids != expected { failures.append("with special tokens: \(ids) expected \(expected)") }
        }
        for (index, sequence) in goldens.sequences.enumerated() {
            for (text, skips) in [
                (goldens.texts[index], false), (goldens.textsWithoutSpecialTokens[index], true),
            ] {
                let decoded = tokenizer.decode(sequence, skipSpecialTokens: skips)
                if Array(decoded.utf8) != Array(text.utf8) {
                    failures.append(
                        "decode \(sequence): \(decoded.debugDescription) expected \(text.debugDescription)")
                }
                var decoder = StreamingDecoder(tokenizer: tokenizer, skipSpecialTokens: skips)
                let streamed = sequence.map { decoder.append($0) }.joined() + decoder.finish()
                if Array(streamed.utf8) != Array(decoded.utf8) { failures.append("streaming \(sequence)") }
            }
        }
        #expect(failures.isEmpty, "\(failures.count) differ: \(failures.prefix(5).joined(separator: "\n"))")
    }

    @Test(
        "small vocabularies of each kind give the ids and texts of Hugging Face tokenizers",
        arguments: ["gpt2", "llama3", "qwen2", "smollm", "flags"])
    func smallVocabularies(name: String) throws {
        let tokenizer = try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("\(name).tokenizer.json"))
        try Self.check(tokenizer, against: name)
    }

    private struct Variants: Decodable {
        struct Case: Decodable {
            let name: String
            let ids: [[Int32]]
        }
        let strings: [Int]
        let cases: [Case]
    }

    @Test("every way of splitting gives the ids of Hugging Face tokenizers")
    func variants() throws {
        let bytes = try FixtureFiles.gunzip("variants.json.gz")
        let variants = try JSONDecoder().decode(Variants.self, from: Data(bytes))
        let whole = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        let patches = try #require(whole["cases"] as? [[String: Any]])
        let base = try #require(
            try JSONSerialization.jsonObject(with: Data(FixtureFiles.bytes("gpt2.tokenizer.json")))
                as? [String: Any])
        let strings = try FixtureFiles.strings()
        for (variant, patch) in zip(variants.cases, patches) {
            let patch = try #require(patch["patch"] as? [String: Any])
            let description = try JSONSerialization.data(withJSONObject: base.merging(patch) { $1 })
            let tokenizer = try TokenizerLoader.load(tokenizerJSON: Array(description))
            var failures: [String] = []
            for (index, expected) in zip(variants.strings, variant.ids) {
                let ids = try tokenizer.encode(bytes: strings[index], addSpecialTokens: true)
                if ids != expected {
                    failures.append("\(strings[index].prefix(60)) \(ids) expected \(expected)")
                }
            }
            #expect(
                failures.isEmpty,
                "\(variant.name): \(failures.count) differ: \(failures.prefix(3).joined(separator: "\n"))")
        }
    }

    @Test("threads that encode at the same time get the same ids")
    func concurrentEncoding() async throws {
        let tokenizer = try TokenizerLoader.load(tokenizerJSON: FixtureFiles.bytes("smollm.tokenizer.json"))
        let goldens = try FixtureFiles.goldens("smollm")
        let strings = try FixtureFiles.strings()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for start in 0..<8 {
                group.addTask {
                    var differences = 0
                    for index in stride(from: start, to: strings.count, by: 3) {
                        let ids = try tokenizer.encode(bytes: strings[index], addSpecialTokens: false)
                        if ids != goldens.ids[index] { differences += 1 }
                    }
                    return differences
                }
            }
            for try await differences in group { #expect(differences == 0) }
        }
    }

    // A cost that grew with the square of a word's length would take hours.
    @Test(
        "long texts without spaces are encoded in time", .timeLimit(.minutes(5)),
        arguments: ["a", "ab", " ", "\n", "中", "1", "!", "\u{301}", "e\u{301}", "<|im_end|>", "<"])
    func longWords(unit: String) throws {
        let text = String(repeating: unit, count: 100_000)
        for name in ["gpt2", "qwen2"] {
            let tokenizer = try TokenizerLoader.load(
                tokenizerJSON: FixtureFiles.bytes("\(name).tokenizer.json"))
            let decoded = tokenizer.decode(try tokenizer.encode(text), skipSpecialTokens: false)
            #expect(decoded == text)
        }
    }
}
