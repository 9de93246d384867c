import Foundation
import Testing

/// Promise 1: the adapter does not depend on the cluster.
@Suite(.serialized) struct SameBitsTests {
    /// A cluster that must give the same bytes as one worker with one thread.
    struct Cluster: CustomTestStringConvertible, Sendable {
        let workers: Int
        let threads: Int
        let collective: String
        var testDescription: String { "\(workers) workers, \(threads) threads, \(collective)" }
    }

    static let clusters = [
        Cluster(workers: 1, threads: 2, collective: "mesh"),
        Cluster(workers: 2, threads: 1, collective: "mesh"),
        Cluster(workers: 2, threads: 2, collective: "mesh"),
        Cluster(workers: 3, threads: 1, collective: "mesh"),
        Cluster(workers: 3, threads: 2, collective: "mesh"),
        Cluster(workers: 1, threads: 1, collective: "star"),
        Cluster(workers: 2, threads: 2, collective: "star"),
        Cluster(workers: 3, threads: 1, collective: "star"),
    ]

    @Test(
        "the result has the same bytes on any cluster, with dropout and shuffling on",
        arguments: [
            ("lora", TinyRun.base), ("dora", TinyRun.base), ("full", TinyRun.base), ("partial", TinyRun.base),
            ("lora", TinyRun.gpt2), ("full", TinyRun.gpt2), ("lora", TinyRun.bert),
        ])
    func sameBytesOnAnyCluster(method: String, base: URL) throws {
        let scratch = try Scratch()
        var tiny = TinyRun(method: method, base: base.path)
        if method == "dora" {
            tiny.method = "lora"
            tiny.adapter =
                "{r: 4, lora_dropout: 0.1, use_dora: true, modules_to_save: [lm_head, norm], target_modules: all-linear}"
        }
        let config = try tiny.write(to: scratch)
        let expected = try train(
            config, on: Cluster(workers: 1, threads: 1, collective: "mesh"), in: scratch, name: "one")
        let expectedAdapter = try expected.adapter()
        let expectedDigests = try expected.metrics().map(\.gradientDigest)
        #expect(Set(expectedDigests).count == 8, "each step has a gradient of its own")

        let isFirst = method == "lora" && base == TinyRun.base
        for (index, cluster) in Self.clusters.enumerated() where isFirst || index % 2 == 1 {
            let run = try train(config, on: cluster, in: scratch, name: "run-\(index)")
            let metrics = try run.metrics()
            #expect(metrics.map(\.gradientDigest) == expectedDigests, "\(cluster.testDescription)")
            #expect(metrics.allSatisfy { $0.workers == cluster.workers }, "\(cluster.testDescription)")
            #expect(try run.adapter() == expectedAdapter, "\(cluster.testDescription)")
            // Equal bits say something only where the work was really shared out.
            for line in try run.ledger() {
                #expect(line.leafWorkers.count >= 8, "\(cluster.testDescription): step \(line.step)")
                #expect(Set(line.leafWorkers).count == cluster.workers, "\(cluster.testDescription): \(line)")
            }
        }
    }

    @Test(
        "blocks that are computed once more on the way back change no byte",
        arguments: [TinyRun.base, TinyRun.bert])
    func checkpointedActivationsChangeNothing(base: URL) throws {
        let scratch = try Scratch()
        let config = try TinyRun(base: base.path).write(to: scratch)
        let cluster = Cluster(workers: 2, threads: 1, collective: "mesh")
        let kept = try train(config, on: cluster, in: scratch, name: "kept")
        for value in ["true", "auto"] {
            let other = try train(
                config, on: cluster, in: scratch, name: value,
                settings: ["--set", "training.gradient_checkpointing=\(value)"])
            #expect(try other.metrics().map(\.gradientDigest) == kept.metrics().map(\.gradientDigest))
            #expect(try other.adapter() == kept.adapter())
        }
    }

    @Test(
        "what frozen blocks made of a text may be kept from epoch to epoch, by all, some or new workers: no byte changes",
        arguments: [TinyRun.base, TinyRun.bert])
    func cachedActivationsChangeNothing(base: URL) throws {
        let scratch = try Scratch()
        // Three epochs of six steps.
        var tiny = TinyRun(maxSteps: 18, base: base.path)
        let modules = base == TinyRun.bert ? "[query, value]" : "[q_proj, v_proj, down_proj]"
        tiny.adapter = "{r: 4, lora_dropout: 0.1, layers_to_transform: [1], target_modules: \(modules)}"
        let config = try tiny.write(to: scratch)
        let cluster = Cluster(workers: 2, threads: 1, collective: "mesh")
        let without = try train(config, on: cluster, in: scratch, name: "without")
        for (name, workers) in [("with", 2), ("alone", 1)] {
            let other = try train(
                config, on: Cluster(workers: workers, threads: 1, collective: "mesh"), in: scratch,
                name: name,
                settings: ["--set", "training.activation_cache_mb=1"])
            #expect(try other.metrics().map(\.gradientDigest) == without.metrics().map(\.gradientDigest))
            #expect(try other.adapter() == without.adapter())
        }
    }

    @Test("another seed gives other bytes")
    func anotherSeedGivesOtherBytes() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 2).write(to: scratch)
        let cluster = Cluster(workers: 2, threads: 1, collective: "mesh")
        let first = try train(config, on: cluster, in: scratch, name: "first")
        let second = try train(config, on: cluster, in: scratch, name: "second", seed: 8)
        #expect(try first.adapter() != second.adapter())
    }

    private func train(
        _ config: String, on cluster: Cluster, in scratch: Scratch, name: String, seed: Int = 7,
        settings: [String] = []
    ) throws -> RunFolder {
        let outcome = try Shoal.run(
            [
                "train", config, "--workers", "\(cluster.workers)", "--threads", "\(cluster.threads)",
                "--output", scratch.path(name), "--set", "cluster.collective=\(cluster.collective)",
                "--set", "training.seed=\(seed)",
            ] + settings, in: scratch, name: "train-\(name)")
        try #require(outcome.status == 0, "\(cluster.testDescription): \(outcome)")
        return RunFolder(name, in: scratch)
    }
}
