import Checkpoints
import Configurations
import Datasets
import Foundation
import Telemetry
import Tensors
import Testing
import Training
import WeightFiles

/// Runs that train tensors of the base: `method: full` and `method: partial`.
@Suite struct TrainedBaseRunTests {
    @Test(
        "ten steps have PyTorch's losses and norms, and end in its tensors",
        arguments: [TrainingMethod.full, .partial])
    func tenStepsAgree(method: TrainingMethod) async throws {
        let fixture = TrainingFixture(method: method)
        defer { fixture.remove() }
        _ = try await fixture.trainedBytes()
        let expected = try TrainingFixture.expectedOfBase(method)
        let records = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        try #require(records.count == 10)
        for (record, index) in zip(records, 0...) {
            #expect(abs(record.loss / expected.losses[index] - 1) <= 1e-4, "loss of step \(record.step)")
            #expect(
                abs(record.gradientNorm / expected.norms[index] - 1) <= 1e-3, "norm of step \(record.step)")
        }
        let trained = try SafetensorsFile(path: fixture.path("run/checkpoints/step-000010/model.safetensors"))
        let golden = try SafetensorsFile(
            path: TrainingFixture.fixtures + "/training/\(method.rawValue).safetensors")
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

    @Test(
        "the result is a whole model: trained tensors as in the checkpoint, the others as in the base",
        arguments: [TrainingMethod.full, .partial])
    func resultIsAWholeModel(method: TrainingMethod) async throws {
        let fixture = TrainingFixture(method: method)
        defer { fixture.remove() }
        _ = try await fixture.trainedBytes()
        let base = try SafetensorsFile(path: fixture.configuration.base + "/model.safetensors")
        let model = try SafetensorsFile(path: fixture.path("run/model/model.safetensors"))
        let checkpoint = try SafetensorsFile(
            path: fixture.path("run/checkpoints/step-000010/model.safetensors"))
        #expect(Set(model.tensors.map(\.name)) == Set(base.tensors.map(\.name)))
        #expect(checkpoint.tensors.count == (method == .full ? model.tensors.count : 10))
        for tensor in model.tensors {
            let values = Vector(try model.floats(of: tensor)).toArray()
            let original = Vector(try base.floats(of: try base.requireTensor(named: tensor.name))).toArray()
            if let saved = checkpoint.tensor(named: tensor.name) {
                #expect(values == Vector(try checkpoint.floats(of: saved)).toArray())
                #expect(values != original, "\(tensor.name) was not trained")
            } else {
                #expect(values == original)
            }
        }
        // What evaluation during training would say is what the model says as a base.
        let used = try await InferenceModel(
            base: fixture.path("run/model"), adapter: nil, logger: TrainingFixture.logger)
        let evaluator = try Evaluator(
            model: used, paths: fixture.configuration.data.train, data: DataSection(),
            maxTokensPerMicroBatch: 512, threadCount: 1)
        let expected = try TrainingFixture.expectedOfBase(method)
        #expect(try evaluator.run().loss < expected.losses[0] - 1)
    }

    @Test("the state's digest is taken as often as it is asked for, and where it is saved")
    func digestsAreTakenAsOftenAsAskedFor() async throws {
        for (method, expected) in [(TrainingMethod.full, [1, 4, 5, 7, 9, 10]), (.lora, Array(1...10))] {
            var fixture = TrainingFixture(method: method)
            defer { fixture.remove() }
            fixture.configuration.cluster.digestEvery = .steps(3)
            _ = try await fixture.trainedBytes()
            let entries = try Ledger.read(fixture.path("run/ledger.jsonl"))
            #expect(entries.filter { $0.stateDigestBefore != nil }.map(\.step) == expected)
        }
    }

    @Test("a checkpoint of a state whose digest was not taken is resumed to the same bytes")
    func checkpointBetweenDigests() async throws {
        let fixture = TrainingFixture(method: .full)
        defer { fixture.remove() }
        let whole = try await fixture.trainedBytes("whole")
        let broken = try await fixture.begin("broken")
        let trainer = try SerialTrainer(broken, threadCount: 1)
        try trainer.train(lastStep: 6)
        // As an interrupt does.
        try trainer.saveCheckpoint(step: 6)
        broken.close()
        let resumed = try await fixture.resume("broken")
        #expect(resumed.firstStep == 6)
        try SerialTrainer(resumed, threadCount: 1).train()
        try resumed.publish()
        resumed.close()
        #expect(try fixture.bytes("broken") == whole)
    }

    @Test("partial names what the base has not, and what trains nothing, before a folder is made")
    func refusals() async throws {
        var fixture = TrainingFixture(method: .partial)
        defer { fixture.remove() }
        fixture.configuration.partial.layers = 3
        let tooMany = await #expect(throws: TrainingError.self) { _ = try await fixture.begin() }
        #expect(tooMany?.code == .nothingTrained && tooMany?.message.contains("has 2") == true)
        fixture.configuration.partial = PartialSection()
        fixture.configuration.partial.layers = 0
        fixture.configuration.partial.finalNorm = false
        let none = await #expect(throws: TrainingError.self) { _ = try await fixture.begin() }
        #expect(none?.code == .nothingTrained)
        #expect(!FileManager.default.fileExists(atPath: fixture.path("run")))
    }
}
