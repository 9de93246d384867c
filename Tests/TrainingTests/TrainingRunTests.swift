import Adapters
import Configurations
import Datasets
import Foundation
import Telemetry
import Tensors
import Testing
import Training
import WeightFiles

@Suite struct TrainingRunTests {
    @Test("ten steps from PEFT's adapter have PyTorch's losses, norms and rates, and end in PEFT's tensors")
    func tenStepsAgreeWithPEFT() async throws {
        let fixture = TrainingFixture()
        defer { fixture.remove() }
        _ = try await fixture.trainedBytes()
        let expected = try TrainingFixture.expected()
        let records = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        try #require(records.count == 10)
        for (record, index) in zip(records, 0...) {
            #expect(abs(record.loss / expected.losses[index] - 1) <= 1e-4, "loss of step \(record.step)")
            #expect(
                abs(record.gradientNorm / expected.norms[index] - 1) <= 1e-3, "norm of step \(record.step)")
            #expect(abs(record.learningRate - expected.rates[index]) <= 1e-9, "rate of step \(record.step)")
        }
        let trained = try SafetensorsFile(path: fixture.path("run/adapter/adapter_model.safetensors"))
        let golden = try SafetensorsFile(
            path: TrainingFixture.fixtures + "/training/final/adapter_model.safetensors")
        #expect(Set(trained.tensors.map(\.name)) == Set(golden.tensors.map(\.name)))
        for tensor in golden.tensors {
            let found = Vector(try trained.floats(of: try trained.requireTensor(named: tensor.name)))
                .toArray()
            let wanted = Vector(try golden.floats(of: tensor)).toArray()
            let difference = zip(found, wanted).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            let size = wanted.reduce(0.0) { $0 + pow(Double($1), 2) }
            #expect((difference / size).squareRoot() <= 1e-2, "\(tensor.name)")
        }
    }

    @Test("an adapter that PEFT trained has the loss here that PEFT reports")
    func evaluationAgreesWithPEFT() async throws {
        let fixture = TrainingFixture()
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: TrainingFixture.fixtures + "/training/final",
            logger: TrainingFixture.logger)
        let evaluator = try Evaluator(
            model: model, paths: fixture.configuration.data.train, data: DataSection(),
            maxTokensPerMicroBatch: 512, threadCount: 2)
        #expect(abs(try evaluator.run().loss - TrainingFixture.expected().finalLoss) <= 1e-3)
    }

    @Test(
        "one and two threads give the same bytes, with dropout and shuffle on",
        arguments: TrainingMethod.allCases)
    func threadsDoNotCount(method: TrainingMethod) async throws {
        var fixture = TrainingFixture(method: method)
        defer { fixture.remove() }
        fixture.configuration.adapter.loraDropout = 0.2
        fixture.configuration.data.shuffle = true
        let one = try await fixture.trainedBytes("one", threadCount: 1)
        let two = try await fixture.trainedBytes("two", threadCount: 2)
        #expect(one == two)
        fixture.configuration.training.seed = 43
        let other = try await fixture.trainedBytes("other")
        #expect(one != other)
    }

    @Test(
        "a run resumed from its checkpoint, with steps behind it replayed, has the uninterrupted bytes",
        arguments: TrainingMethod.allCases)
    func resumeReplaysToTheSameBytes(method: TrainingMethod) async throws {
        var fixture = TrainingFixture(method: method)
        defer { fixture.remove() }
        fixture.configuration.adapter.loraDropout = 0.1
        let whole = try await fixture.trainedBytes("whole")
        let broken = try await fixture.begin("broken")
        // Step 6 is in the ledger, the newest checkpoint is of step 4.
        try SerialTrainer(broken, threadCount: 1).train(lastStep: 6)
        broken.close()
        let resumed = try await fixture.resume("broken")
        #expect(resumed.firstStep == 4 && resumed.ledgerHead == 6)
        #expect(resumed.term > broken.term)
        try SerialTrainer(resumed, threadCount: 2).train()
        try resumed.publish()
        resumed.close()
        #expect(try fixture.bytes("broken") == whole)
        let steps = try StepLog<StepRecord>.read(fixture.path("broken/metrics.jsonl")).map(\.step)
        #expect(steps == Array(1...10))
    }

    @Test("a resumed run may be longer, but not otherwise configured")
    func resumeKeepsTheConfiguration() async throws {
        let fixture = TrainingFixture()
        defer { fixture.remove() }
        _ = try await fixture.trainedBytes()
        let error = await #expect(throws: TrainingError.self) {
            _ = try await fixture.resume(overrides: ["training.batch_size=4"])
        }
        #expect(error?.code == .runMismatch && error?.message.contains("training.batch_size") == true)
        let longer = try await fixture.resume(overrides: ["training.max_steps=12"])
        try SerialTrainer(longer, threadCount: 1).train()
        #expect(longer.lastStep == 12)
        longer.close()
    }

    @Test("a run that becomes longer replays the steps behind its checkpoint with the rates they had")
    func longerRunsReplayToTheSameBits() async throws {
        let fixture = TrainingFixture()
        defer { fixture.remove() }
        let broken = try await fixture.begin()
        // Steps 5 and 6 are in the ledger, the newest checkpoint is of step 4.
        try SerialTrainer(broken, threadCount: 1).train(lastStep: 6)
        broken.close()
        let before = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        // Another length is another linear schedule; twice, since the first life leaves its own in config.yaml.
        let longer = try await fixture.resume(overrides: ["training.max_steps=14"])
        try SerialTrainer(longer, threadCount: 1).train(lastStep: 7)
        longer.close()
        let longest = try await fixture.resume(overrides: ["training.max_steps=20"])
        #expect(longest.firstStep == 4 && longest.ledgerHead == 7)
        try SerialTrainer(longest, threadCount: 1).train()
        longest.close()
        let after = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        #expect(after.map(\.step) == Array(1...20))
        #expect(after.prefix(6).map(\.learningRate) == before.map(\.learningRate))
        for record in after[7...] {
            let work = try #require(try longest.setup.work(forStep: UInt64(record.step)))
            #expect(record.learningRate == Double(work.learningRate))
        }
    }

    @Test("a run is not resumed with fewer steps than it has made, and keeps its configuration")
    func shorterRunsAreRefused() async throws {
        let fixture = TrainingFixture()
        defer { fixture.remove() }
        let run = try await fixture.begin()
        try SerialTrainer(run, threadCount: 1).train(lastStep: 6)
        run.close()
        let file = URL(filePath: fixture.path("run/config.yaml"))
        let recorded = try Data(contentsOf: file)
        let error = await #expect(throws: TrainingError.self) {
            _ = try await fixture.resume(overrides: ["training.max_steps=5"])
        }
        #expect(error?.code == .runMismatch && error?.message.contains("6 steps") == true)
        #expect(try Data(contentsOf: file) == recorded)
        try await fixture.resume(overrides: ["training.max_steps=6"]).close()
    }

    @Test("eval measures the rows that data.valid_fraction keeps back")
    func heldBackRowsAreEvaluated() async throws {
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        fixture.configuration.data.validFraction = 0.3
        let run = try await fixture.begin()
        let rowCount = run.setup.evaluation?.rows.count
        run.close()
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: nil, logger: TrainingFixture.logger)
        let evaluator = try Evaluator(
            model: model, data: fixture.configuration.data, maxTokensPerMicroBatch: 512, threadCount: 1)
        #expect(evaluator.rowCount == rowCount && evaluator.rowCount > 0)
        fixture.configuration.data.validFraction = nil
        let error = #expect(throws: TrainingError.self) {
            try Evaluator(
                model: model, data: fixture.configuration.data, maxTokensPerMicroBatch: 512, threadCount: 1)
        }
        #expect(error?.code == .noEvaluationRows)
    }

    @Test("evaluation keeps the best adapter and stops when patience runs out")
    func evaluationKeepsTheBest() async throws {
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        fixture.configuration.data.valid = fixture.configuration.data.train
        fixture.configuration.evaluation.every = .steps(1)
        fixture.configuration.evaluation.earlyStoppingPatience = 2
        // So fast that it soon gets worse.
        fixture.configuration.training.learningRate = 0.5
        fixture.configuration.training.warmupRatio = 0
        fixture.configuration.training.maxSteps = 40
        fixture.configuration.checkpoint.keep = 1
        let run = try await fixture.begin()
        try SerialTrainer(run, threadCount: 1).train()
        let step = try run.publish()
        run.close()
        let records = try StepLog<EvaluationRecord>.read(fixture.path("run/eval.jsonl"))
        let best = try #require(records.min { $0.loss < $1.loss })
        #expect(step == best.step && records.count < 40)
        #expect(records.suffix(2).allSatisfy { !$0.isBest })
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: run.resultPath, logger: TrainingFixture.logger)
        let loss = try Evaluator(
            model: model, paths: fixture.configuration.data.train, data: DataSection(),
            maxTokensPerMicroBatch: 512, threadCount: 1
        ).run().loss
        #expect(abs(loss / best.loss - 1) <= 1e-4)
    }

    @Test(
        "layers that are left out are not trained, and targets that match nothing are refused before a folder is made"
    )
    func targetsDecide() async throws {
        var fixture = TrainingFixture()
        defer { fixture.remove() }
        fixture.configuration.adapter.initFrom = nil
        fixture.configuration.adapter.targetModules = .names(["q_proj", "down_proj"])
        fixture.configuration.adapter.layersToTransform = [1]
        let run = try await fixture.begin("upper")
        #expect(run.setup.trainee.layout.entries.allSatisfy { $0.name.contains("layers.1.") })
        run.close()
        fixture.configuration.adapter.targetModules = .names(["q_proj", "nothing_proj"])
        let error = await #expect(throws: AdapterError.self) { _ = try await fixture.begin("none") }
        #expect(error?.message.contains("nothing_proj") == true)
        #expect(!FileManager.default.fileExists(atPath: fixture.path("none")))
    }

    @Test("a run that could not start leaves nothing behind")
    func abandonedRunLeavesNothing() async throws {
        let fixture = TrainingFixture()
        defer { fixture.remove() }
        try await fixture.begin().abandon()
        #expect(!FileManager.default.fileExists(atPath: fixture.path("run")))
    }
}
