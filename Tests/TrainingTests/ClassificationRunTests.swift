import Adapters
import Configurations
import Datasets
import Foundation
import Logging
import Synchronization
import Telemetry
import Tensors
import Testing
import Training
import WeightFiles

/// Whole runs of an encoder: classification against PEFT, masked tokens, and what is refused.
@Suite struct ClassificationRunTests {
    private static let families = ["bert", "distilbert", "roberta"]

    private struct Expected: Decodable {
        var losses: [Double]
        var norms: [Double]
        var finalLoss: Double
        var predicted: [Int]
        var accuracy: Double

        private enum CodingKeys: String, CodingKey {
            case losses, norms, predicted, accuracy
            case finalLoss = "final_loss"
        }
    }

    private static func goldens(_ family: String = "bert") -> String {
        TrainingFixture.fixtures + "/\(family)/run"
    }

    private func fixture(_ family: String = "bert") -> TrainingFixture {
        var fixture = TrainingFixture()
        fixture.configuration.base = TrainingFixture.fixtures + "/tiny-\(family)"
        fixture.configuration.data.train = [Self.goldens(family) + "/rows.jsonl"]
        fixture.configuration.adapter.initFrom = Self.goldens(family) + "/initial"
        return fixture
    }

    private func expected(_ family: String) throws -> Expected {
        try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(filePath: Self.goldens(family) + "/expected.json")))
    }

    @Test(
        "ten steps from PEFT's adapter and head have its losses and norms, and end in its tensors under its names",
        arguments: families)
    func tenStepsAgreeWithPEFT(family: String) async throws {
        let fixture = fixture(family)
        defer { fixture.remove() }
        _ = try await fixture.trainedBytes()
        let expected = try expected(family)
        let records = try StepLog<StepRecord>.read(fixture.path("run/metrics.jsonl"))
        try #require(records.count == 10)
        for (record, index) in zip(records, 0...) {
            #expect(abs(record.loss / expected.losses[index] - 1) <= 1e-4, "loss of step \(record.step)")
            #expect(
                abs(record.gradientNorm / expected.norms[index] - 1) <= 1e-3, "norm of step \(record.step)")
        }
        let trained = try SafetensorsFile(path: fixture.path("run/adapter/adapter_model.safetensors"))
        let golden = try SafetensorsFile(path: Self.goldens(family) + "/final/adapter_model.safetensors")
        #expect(Set(trained.tensors.map(\.name)) == Set(golden.tensors.map(\.name)))
        let classifier = family == "roberta" ? "classifier.out_proj" : "classifier"
        #expect(trained.tensor(named: "base_model.model.\(classifier).bias")?.shape == [3])
        for tensor in golden.tensors {
            let found = Vector(try trained.floats(of: try trained.requireTensor(named: tensor.name)))
                .toArray()
            let wanted = Vector(try golden.floats(of: tensor)).toArray()
            let difference = zip(found, wanted).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            let size = wanted.reduce(0.0) { $0 + pow(Double($1), 2) }
            #expect((difference / size).squareRoot() <= 1e-2, "\(tensor.name)")
        }
        let directory = try PEFTDirectory(path: fixture.path("run/adapter"))
        #expect(directory.configuration.taskType == "SEQ_CLS")
        #expect(
            directory.configuration.modulesToSave
                == (family == "distilbert" ? ["pre_classifier", "classifier"] : ["classifier"]))
        #expect(directory.provenance.labels == ["bad", "good", "mixed"])
        for path in ["run", "run/adapter", "run/checkpoints/step-000010"] {
            let seen = try Inspection(path: fixture.path(path)).properties.filter { $0.name == "labels" }
            #expect(seen.map(\.value) == ["bad, good, mixed"], "\(path)")
        }
        let resolved = try ConfigurationLoader().load(path: fixture.path("run/config.yaml"))
        #expect(resolved.objective == .classification && resolved.data.labels == ["bad", "good", "mixed"])
    }

    @Test("an adapter that PEFT trained classifies here as it does there", arguments: families)
    func evaluationAgreesWithPEFT(family: String) async throws {
        let fixture = fixture(family)
        let expected = try expected(family)
        // PEFT records no names of classes: they are numbered, as are these rows'.
        let folder = fixture.folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { fixture.remove() }
        let names = ["bad", "good", "mixed"]
        let rows = try String(contentsOfFile: fixture.configuration.data.train[0], encoding: .utf8)
        let numbered = names.enumerated().reduce(rows) {
            $0.replacingOccurrences(
                of: "\"label\": \"\($1.element)\"", with: "\"label\": \"LABEL_\($1.offset)\"")
        }
        try numbered.write(toFile: folder + "/rows.jsonl", atomically: true, encoding: .utf8)
        let model = try await InferenceModel(
            base: fixture.configuration.base, adapter: Self.goldens(family) + "/final",
            logger: TrainingFixture.logger)
        let result = try Evaluator(
            model: model, paths: [folder + "/rows.jsonl"], data: DataSection(), maxTokensPerMicroBatch: 512,
            threadCount: 2
        ).run()
        #expect(abs(result.loss - expected.finalLoss) <= 1e-3)
        #expect(result.accuracy == expected.accuracy)
        #expect(result.confusion?.counts.reduce(0) { $0 + $1.reduce(0, +) } == 28)

        // Merged, it classifies in the same way with its head in the model.
        _ = try await AdapterMerge.write(
            base: fixture.configuration.base,
            adapters: [try AdapterReference(Self.goldens(family) + "/final")], to: folder + "/merged",
            logger: TrainingFixture.logger)
        let merged = try await InferenceModel(
            base: folder + "/merged", adapter: nil, logger: TrainingFixture.logger)
        let again = try Evaluator(
            model: merged, paths: [folder + "/rows.jsonl"], data: DataSection(), maxTokensPerMicroBatch: 512,
            threadCount: 2
        ).run()
        #expect(abs(again.loss / result.loss - 1) <= 1e-4)
        #expect(again.confusion == result.confusion)

        let classifier = try TextClassifier(model)
        for (line, wanted) in zip(rows.split(separator: "\n"), expected.predicted).prefix(5) {
            let row = try RowReader(shape: .textLabel).read(RowReader.parse(Array(line.utf8)))
            guard case .labelled(let text, _) = row else { continue }
            let classes = try classifier.classes(of: text)
            #expect(classes[0].label == "LABEL_\(wanted)")
            #expect(abs(classes.reduce(0) { $0 + $1.probability } - 1) < 1e-5)
        }
        #expect(throws: TrainingError.self) { try model.makeTextStream(threadCount: 1) }
    }

    @Test(
        "classification and masked tokens: any threads, and a resumed run, give the uninterrupted bytes",
        arguments: [Objective.classification, .mlm],
        [(TrainingMethod.lora, "bert"), (.full, "bert"), (.lora, "roberta"), (.full, "distilbert")])
    func sameBytes(objective: Objective, run: (method: TrainingMethod, family: String)) async throws {
        var fixture = fixture(run.family)
        defer { fixture.remove() }
        fixture.configuration.adapter.initFrom = nil
        fixture.configuration.adapter.loraDropout = 0.2
        fixture.configuration.data.shuffle = true
        fixture.configuration.method = run.method
        if objective == .mlm {
            try FileManager.default.createDirectory(
                atPath: fixture.folder, withIntermediateDirectories: true)
            let rows = try String(contentsOfFile: Self.goldens() + "/rows.jsonl", encoding: .utf8)
                .replacingOccurrences(of: "\"label\"", with: "\"class\"")
            try rows.write(toFile: fixture.path("text.jsonl"), atomically: true, encoding: .utf8)
            fixture.configuration.data.train = [
                URL(filePath: fixture.path("text.jsonl")).standardizedFileURL.path
            ]
            fixture.configuration.objective = .mlm
        }
        let one = try await fixture.trainedBytes("one", threadCount: 1)
        let two = try await fixture.trainedBytes("two", threadCount: 2)
        #expect(one == two)
        let interrupted = try await fixture.begin("interrupted")
        try SerialTrainer(interrupted, threadCount: 1).train(lastStep: 6)
        interrupted.close()
        let resumed = try await fixture.resume("interrupted")
        try SerialTrainer(resumed, threadCount: 2).train()
        try resumed.publish()
        resumed.close()
        #expect(try fixture.bytes("interrupted") == one)
        fixture.configuration.training.seed = 43
        #expect(try await fixture.trainedBytes("other") != one)
    }

    @Test(
        "an adapter of another family is named, and what the base is",
        arguments: [
            ("bert/run/final", "llama", "tiny-base"), ("bert/run/final", "roberta", "tiny-roberta"),
            ("bert/run/final", "distilbert", "tiny-distilbert"), ("training/final", "gpt2", "tiny-gpt2"),
            ("training/final", "bert", "tiny-bert"),
        ])
    func otherFamily(adapter: String, modelType: String, base: String) async throws {
        let path = TrainingFixture.fixtures + "/" + adapter
        let error = await #expect(throws: AdapterError.self) {
            try await InferenceModel(
                base: TrainingFixture.fixtures + "/" + base, adapter: path, logger: TrainingFixture.logger)
        }
        let message = try #require(error?.message)
        #expect(message.contains(path) && message.contains(" a " + modelType), "\(message)")
    }

    @Test("a fresh head comes from the seed, and its evaluation is in eval.jsonl with every row in the table")
    func evaluationIsRecorded() async throws {
        var fixture = fixture()
        defer { fixture.remove() }
        fixture.configuration.adapter.initFrom = nil
        fixture.configuration.data.valid = fixture.configuration.data.train
        fixture.configuration.evaluation.every = .steps(5)
        _ = try await fixture.trainedBytes()
        let lines = try StepLog<EvaluationRecord>.read(fixture.path("run/eval.jsonl"))
        #expect(lines.map(\.step) == [5, 10])
        for line in lines {
            let classes = try #require(line.classes)
            #expect(classes.labels == ["bad", "good", "mixed"])
            #expect(classes.counts.reduce(0) { $0 + $1.reduce(0, +) } == 28)
            let right = Double(classes.counts.indices.reduce(0) { $0 + classes.counts[$1][$1] })
            #expect(abs(classes.accuracy - right / 28) < 1e-12)
        }
    }

    @Test(
        "a label that is not in the list, rows of another kind, and a base that is none are refused before the first step"
    )
    func refusals() async throws {
        var unknown = fixture()
        unknown.configuration.data.labels = ["bad", "good"]
        let error = await #expect(throws: DatasetError.self) {
            try await RunSetup(unknown.configuration, logger: TrainingFixture.logger)
        }
        #expect(error?.code == .labels && error?.context.line != nil)

        var prompts = fixture()
        prompts.configuration.data.train = TrainingFixture().configuration.data.train
        await #expect(throws: (any Error).self) {
            try await RunSetup(prompts.configuration, logger: TrainingFixture.logger)
        }
        var masked = fixture()
        masked.configuration.objective = .mlm
        await #expect(throws: DatasetError.self) {
            try await RunSetup(masked.configuration, logger: TrainingFixture.logger)
        }
        var decoder = fixture()
        decoder.configuration.base = TrainingFixture().configuration.base
        decoder.configuration.adapter.initFrom = nil
        let refused = await #expect(throws: (any Error).self) {
            try await RunSetup(decoder.configuration, logger: TrainingFixture.logger)
        }
        #expect(refused.map { "\($0)".contains("encoder") } == true)
    }

    @Test("a class without a row to train on is warned of, and a head of another size refused by name")
    func missingClassAndOtherHead() async throws {
        let messages = Mutex<[String]>([])
        var fixture = fixture()
        defer { fixture.remove() }
        fixture.configuration.adapter.initFrom = nil
        fixture.configuration.data.labels = ["mixed", "bad", "unheard", "good"]
        let logger = Logger(label: "test") { _ in
            RecordingHandler { text in messages.withLock { $0.append(text) } }
        }
        let setup = try await RunSetup(fixture.configuration, logger: logger)
        #expect(setup.configuration.data.labels == ["mixed", "bad", "unheard", "good"])
        #expect(messages.withLock { $0.filter { $0.contains("'unheard'") } }.count == 1)

    }

    @Test(
        "a whole model says its classes and transformers' name of its kind, and its head keeps its size",
        arguments: families)
    func wholeModelAsBase(family: String) async throws {
        var whole = self.fixture(family)
        defer { whole.remove() }
        whole.configuration.method = .full
        whole.configuration.adapter.initFrom = nil
        _ = try await whole.trainedBytes()
        let text = try String(contentsOfFile: whole.path("run/model/config.json"), encoding: .utf8)
        let className = ["bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta"][family] ?? ""
        #expect(text.contains("[\"\(className)ForSequenceClassification\"]"))
        let seen = try Inspection(path: whole.path("run/model")).properties.filter { $0.name == "labels" }
        #expect(seen.map(\.value) == ["bad, good, mixed"])
        var next = self.fixture(family)
        next.configuration.base = whole.path("run/model")
        next.configuration.adapter.initFrom = nil
        let same = try await RunSetup(next.configuration, logger: TrainingFixture.logger)
        #expect(same.configuration.data.labels == ["bad", "good", "mixed"])
        next.configuration.data.labels = ["bad", "good", "mixed", "other"]
        let error = await #expect(throws: TrainingError.self) {
            try await RunSetup(next.configuration, logger: TrainingFixture.logger)
        }
        #expect(error?.code == .differentHead && error?.message.contains("bad, good, mixed") == true)
    }
}

private struct RecordingHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    let record: @Sendable (String) -> Void

    init(_ record: @escaping @Sendable (String) -> Void) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { record("\(event.message)") }
}
