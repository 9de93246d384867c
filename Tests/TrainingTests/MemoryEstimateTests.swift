import Configurations
import Foundation
import Testing
import Training

/// What a run needs of a host's memory, and that too little is refused by name.
@Suite struct MemoryEstimateTests {
    @Test("the state is three times what is trained, a thread more costs its gradient and its activations")
    func addsUp() async throws {
        var fixture = TrainingFixture(method: .full)
        defer { fixture.remove() }
        let full = try Preflight(try await setup(fixture), maximumSteps: 2)
        #expect(full.trainsBase && full.parameterCount == 30_880 && full.share == 1)
        #expect(full.memory.state == 3 * 4 * 30_880 && full.memory.gradient == 4 * 30_880)
        #expect(
            full.memory.worker(threads: 3) - full.memory.worker(threads: 2)
                == full.memory.perThread(threads: 3) + full.memory.gradient)
        #expect(full.memory.coordinator(isStar: true) > full.memory.coordinator(isStar: false))
        fixture.configuration.method = .partial
        let partial = try Preflight(try await setup(fixture), maximumSteps: 2)
        #expect(partial.parameterCount == 9_312)
        #expect(partial.targets.map(\.parameterCount).reduce(0, +) == 9_312)
        #expect(
            partial.targets.contains { $0.name == "q_proj" && $0.shape == [32, 32] && $0.loraRank == nil })
        #expect(partial.wireByteCount(workers: 2) == 4 * 9_312)
    }

    @Test("auto computes blocks once more where half of the host's memory would not do")
    func checkpointsActivationsWhereMemoryAsks() async throws {
        var fixture = TrainingFixture(method: .lora)
        defer { fixture.remove() }
        let never = try Preflight(try await setup(fixture), maximumSteps: 2).memory
        #expect(!never.recomputesActivations(threads: 2, memory: 1))
        let needed = never.base + never.worker(threads: 2)
        fixture.configuration.training.gradientCheckpointing = .auto
        let auto = try Preflight(try await setup(fixture), maximumSteps: 2).memory
        #expect(!auto.recomputesActivations(threads: 2, memory: 2 * needed + 1))
        #expect(auto.recomputesActivations(threads: 2, memory: 2 * needed - 2))
        fixture.configuration.training.gradientCheckpointing = .always
        let always = try Preflight(try await setup(fixture), maximumSteps: 2).memory
        #expect(always.recomputesActivations(threads: 2, memory: .max))
        #expect(always.worker(threads: 2) <= never.worker(threads: 2))
        #expect(auto.worker(threads: 2, memory: 2 * needed - 2) == always.worker(threads: 2))
    }

    @Test("what does not fit is refused with what it needs, what is there, and what to do")
    func refuses() async throws {
        let fixture = TrainingFixture(method: .full)
        defer { fixture.remove() }
        let memory = try Preflight(try await setup(fixture), maximumSteps: 2).memory
        try memory.requireFit([3_000_000_000], of: "a worker", method: .full, memory: 3_100_000_000)
        let error = #expect(throws: TrainingError.self) {
            try memory.requireFit(
                [3_000_000_000, 4_010_000_000], of: "two workers", method: .full, memory: 7_000_000_000)
        }
        #expect(error?.code == .doesNotFit)
        for text in [
            "method: full does not fit", "two workers", "7.1 GB", "has 7.0 GB", "method: partial or lora",
        ] {
            #expect(error?.message.contains(text) == true, "no '\(text)' in \(error?.message ?? "")")
        }
    }

    @Test(
        "a control group's limit counts where there is one",
        arguments: [("max\n", nil), ("123456\n", 123_456)])
    func controlGroup(text: String, expected: Int?) throws {
        let root = NSTemporaryDirectory() + "/shoal-cgroup-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        try text.write(toFile: root + "/memory.max", atomically: true, encoding: .utf8)
        #expect(HostMemory.controlGroupLimit(root: root) == expected)
    }

    private func setup(_ fixture: TrainingFixture) async throws -> RunSetup {
        try await RunSetup(fixture.configuration, logger: TrainingFixture.logger)
    }
}
