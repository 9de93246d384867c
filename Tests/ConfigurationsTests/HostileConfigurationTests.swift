import Configurations
import Testing

@Suite struct HostileConfigurationTests {
    private func load(_ yaml: String) throws -> RunConfiguration {
        try ConfigurationLoader(workingDirectory: "/here", exists: { _ in false })
            .load(yaml: yaml, source: "c.yaml", directory: "/runs")
    }

    @Test(arguments: [
        "", "\n\n", "# only a comment\n", "- a\n- b\n", "just text", "null", "base: [", "base: {a",
        "base: \"open", "\tbase: x", "base: x\nbase: y\n",
        "training: {seed: 1, seed: 2}", "a: b: c", "? [a, b]\n: c", "base: &x y\n", "base: *x",
        "base: !!binary abc", "--- a\n--- b\n",
        "%YAML 9.9\n---\na: b", "base: \u{0}", "\u{FEFF}- x", "<<: {a: b}", "data: {train: {a: b}}",
        "training:\n- 1", "base: |\n  a\n b", "!", "&a",
        "*", "? ", "{? a}", "[[]]", "{}", "base: x\n...\nmore",
    ])
    func malformedTextIsRefused(text: String) {
        #expect(throws: ConfigurationError.self) { _ = try load(text) }
    }

    @Test func anAliasBombIsRefusedQuickly() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            bomb +=
                "a\(level): &a\(level) ["
                + Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ") + "]\n"
        }
        let start = ContinuousClock.now
        for text in [bomb, bomb + "? *a30\n: x\n"] {
            let error = #expect(throws: ConfigurationError.self) { _ = try load(text) }
            #expect(error?.code == .malformed && error?.problems.first?.line == 2)
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[{a: "])
    func greatDepthIsRefused(opening: String) {
        let text = String(repeating: opening, count: 20000)
        #expect(throws: ConfigurationError.self) { _ = try load(text) }
        var block = ""
        for level in 0..<400 { block += String(repeating: " ", count: level) + "a:\n" }
        #expect(throws: ConfigurationError.self) { _ = try load(block) }
    }

    @Test func aHugeFileIsRefusedBeforeParsing() {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try load(String(repeating: "a", count: 2 << 20))
        }
        #expect(error?.code == .malformed)
    }

    @Test func mutatedFilesNeverTrap() throws {
        var configuration = RunConfiguration(base: "/b")
        configuration.data.train = ["/a b.jsonl"]
        configuration.adapter.rankPattern = OrderedMap([.init(key: ".*q", value: 2)])
        let original = Array(configuration.resolvedYAML().utf8)
        var generator = SplitMix(state: 11)
        var refused = 0
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0..<Int(1 + generator.next() % 6) {
                let at = Int(generator.next() % UInt64(bytes.count))
                let interesting = Array("[]{}:,-?&*!|>'\"%@`#\n \t0~".utf8)
                switch generator.next() % 4 {
                case 0: bytes[at] = interesting[Int(generator.next() % UInt64(interesting.count))]
                case 1: bytes.insert(interesting[Int(generator.next() % UInt64(interesting.count))], at: at)
                case 2: bytes.remove(at: at)
                default: bytes[at] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
            do { _ = try load(String(decoding: bytes, as: UTF8.self)) } catch { refused += 1 }
        }
        #expect(refused > 2000 && refused < 4000)
    }
}

/// A small seeded generator (SplitMix64) for mutations.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
