import Fuzzing
import Testing

/// A short run of every target in this process; `scripts/fuzz` runs them for as long as one likes.
@Suite(.serialized) struct FuzzTargetTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var type: any FuzzTarget.Type
        var count: UInt64
        var testDescription: String { "\(count) of \(type.name)" }
    }
    static let cases = FuzzTargets.all.map { type in
        Case(type: type, count: counts[type.name] ?? 2000)
    }
    private static let counts: [String: UInt64] = ["messages": 200_000, "safetensors": 20_000, "rows": 5000]

    @Test("mutated inputs are refused or keep their promises", arguments: cases)
    func survives(testCase: Case) throws {
        let target = try testCase.type.init(FuzzWorkspace())
        var accepted = 0
        for seed in 0..<testCase.count {
            do {
                if try target.execute(target.input(seed: seed)) { accepted += 1 }
            } catch {
                Issue.record("scripts/fuzz --seed \(seed) --count 1 \(testCase.type.name): \(error)")
            }
        }
        // Some survive and most do not, or the mutations would try nothing.
        #expect(accepted > Int(testCase.count) / 500)
        #expect(accepted < Int(testCase.count) * 9 / 10)
    }

    @Test("the same seed makes the same input", arguments: cases)
    func repeats(testCase: Case) throws {
        let one = try testCase.type.init(FuzzWorkspace())
        let other = try testCase.type.init(FuzzWorkspace())
        for seed in (0..<50).map({ $0 * 977 }) as [UInt64] {
            #expect(one.input(seed: seed) == other.input(seed: seed))
        }
    }
}
