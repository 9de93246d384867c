import Configurations
import Foundation
import Logging
import Training

/// A run on tiny-base and the rows of `Tests/Fixtures/training`, in a folder of its own.
struct TrainingFixture {
    /// What PEFT and PyTorch got, by make_training_goldens.py.
    struct Expected: Decodable {
        var losses: [Double]
        var norms: [Double]
        var rates: [Double]
        var finalLoss: Double

        private enum CodingKeys: String, CodingKey {
            case losses, norms, rates
            case finalLoss = "final_loss"
        }
    }

    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures").path
    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// What PyTorch got by training tensors of the base, by make_trained_base_goldens.py.
    struct ExpectedOfBase: Decodable {
        var losses: [Double]
        var norms: [Double]
    }

    let folder: String
    var configuration: RunConfiguration

    /// The last block and the final norm are trained under `partial`.
    init(method: TrainingMethod = .lora) {
        folder = NSTemporaryDirectory() + "/shoal-training-\(UUID().uuidString)"
        configuration = RunConfiguration(base: Self.fixtures + "/tiny-base")
        configuration.data.train = [Self.fixtures + "/training/rows.jsonl"]
        configuration.data.shuffle = false
        configuration.adapter.loraRank = 4
        configuration.adapter.loraAlpha = 8
        configuration.adapter.initFrom = Self.fixtures + "/training/initial"
        configuration.training.batchSize = 8
        configuration.training.maxSteps = 10
        configuration.training.learningRate = 5e-3
        configuration.training.warmupRatio = 0.2
        configuration.training.weightDecay = 0.01
        configuration.training.microBatches = 4
        configuration.checkpoint.every = .steps(4)
        configuration.method = method
        configuration.partial.layers = 1
    }

    static func expectedOfBase(_ method: TrainingMethod) throws -> ExpectedOfBase {
        let data = try Data(contentsOf: URL(filePath: fixtures + "/training/\(method.rawValue).json"))
        return try JSONDecoder().decode(ExpectedOfBase.self, from: data)
    }

    static func expected() throws -> Expected {
        let data = try Data(contentsOf: URL(filePath: fixtures + "/training/expected.json"))
        return try JSONDecoder().decode(Expected.self, from: data)
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/" + name }

    /// Begins a run in `name`.
    func begin(_ name: String = "run") async throws -> TrainingRun {
        try await TrainingRun.begin(
            configuration, at: path(name), overwrites: false, allowsDifferentBase: false, logger: Self.logger)
    }

    /// Goes on with `name`.
    func resume(_ name: String = "run", overrides: [String] = []) async throws -> TrainingRun {
        try await TrainingRun.resume(
            at: path(name), given: nil, overrides: ConfigurationLoader(overrides: overrides),
            allowsDifferentBase: false, logger: Self.logger)
    }

    /// Trains to the end and returns the bytes of what was published.
    func trainedBytes(_ name: String = "run", threadCount: Int = 1) async throws -> Data {
        let run = try await begin(name)
        try SerialTrainer(run, threadCount: threadCount).train()
        try run.publish()
        run.close()
        return try bytes(name)
    }

    func bytes(_ name: String = "run") throws -> Data {
        let method = configuration.method
        return try Data(
            contentsOf: URL(filePath: path(name) + "/\(method.resultName)/\(method.weightsFileName)"))
    }
}
