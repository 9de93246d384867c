import DurableFiles
import Optimizers
import Synchronization
import Tensors
import Training
import WireProtocol

/// A run without data, files or a model: what the protocol costs by itself. Micro-batches have one token.
final class BenchmarkDriver: RunDriver {
    let runID: UInt64 = 1
    let term: UInt64 = 1
    let parameterCount: Int
    let vocabularyCount = 16
    private let stepCount: UInt64
    private let microBatchCount: Int
    private let finished = Mutex<[StepOutcome]>([])

    /// - Parameter microBatchCount: leaves of each step.
    init(parameterCount: Int, stepCount: UInt64, microBatchCount: Int) {
        self.parameterCount = parameterCount
        self.stepCount = stepCount
        self.microBatchCount = microBatchCount
    }

    /// The steps done.
    var outcomes: [StepOutcome] { finished.withLock { $0 } }

    func initialState() -> StateSnapshot {
        StateSnapshot(
            step: 0, parameters: Vector(zeros: parameterCount), firstMoments: Vector(zeros: parameterCount),
            secondMoments: Vector(zeros: parameterCount))
    }

    func resume(atStep step: UInt64, stateDigest: [UInt8], gradientNorm: Double) -> AfterStep? { nil }

    func work(forStep step: UInt64) -> StepWork? {
        guard step <= stepCount else { return nil }
        let batch = MicroBatch(
            tokenIDs: [1, 2], targets: [2, MicroBatch.noTarget],
            sequences: [.init(start: 0, count: 2, exampleID: 0)])
        return StepWork(
            step: step, epoch: 0, microBatches: Array(repeating: batch, count: microBatchCount),
            exampleIDs: [],
            tokenCount: Int64(2 * microBatchCount), supervisedTokenCount: Int64(microBatchCount),
            learningRate: 0, biasCorrection1: 1, biasCorrection2: 1)
    }

    func willCommit(_ record: CommitRecord, work: StepWork) {}

    func didFinishStep(_ outcome: StepOutcome, work: StepWork) -> AfterStep {
        finished.withLock { $0.append(outcome) }
        return AfterStep(finish: outcome.step == stepCount)
    }

    func evaluationWork() -> [MicroBatch] { [] }
    func didEvaluate(step: UInt64, scores: [[Evaluated.Score]]) -> AfterStep { AfterStep() }
    func willSaveCheckpoint(step: UInt64) {}
    func saveCheckpoint(_ snapshot: StateSnapshot) {}
    func record(event: String, details: [String: String]) {}
}

/// A worker's computing half that has its gradients at once and changes nothing, so that the exchange is all there is.
final class InstantEngine: WorkerEngine {
    let parameterCount: Int
    let vocabularyCount = 16
    let threadCount = 1
    let groupTokenCount = 0
    let stateVectors: (parameters: Vector, firstMoments: Vector, secondMoments: Vector)
    private let digest = [UInt8](repeating: 7, count: 32)

    init(parameterCount: Int) {
        self.parameterCount = parameterCount
        stateVectors = (
            Vector(zeros: parameterCount), Vector(zeros: parameterCount), Vector(zeros: parameterCount)
        )
    }

    func submitGradients(
        of batches: [MicroBatch], step: UInt64, into gradients: [Vector],
        completion: @escaping @Sendable (Result<[GradientOutcome], any Error>) -> Void
    ) {
        completion(
            .success(
                batches.map {
                    GradientOutcome(
                        lossSum: 1, tokenCount: Int64($0.supervisedTokenCount), seconds: 1e-3, isFinite: true)
                }))
    }

    func submitScores(
        of batch: MicroBatch, completion: @escaping @Sendable (Result<[Evaluated.Score], any Error>) -> Void
    ) { completion(.success([])) }

    func submitApply(
        _ commit: Commit, reducedGradient: Vector, step: UInt64,
        completion: @escaping @Sendable (Result<Applied, any Error>) -> Void
    ) { completion(.success(Applied(stateDigest: digest, gradientNorm: 1))) }

    func install(_ state: StateSnapshot) {
        stateVectors.parameters.copy(from: state.parameters)
        stateVectors.firstMoments.copy(from: state.firstMoments)
        stateVectors.secondMoments.copy(from: state.secondMoments)
    }
    func stateDigest() -> [UInt8] {
        ChunkedDigest.digest(of: [
            stateVectors.parameters, stateVectors.firstMoments, stateVectors.secondMoments,
        ]).bytes
    }
}
