import Foundation
import Synchronization
import Tensors
import Training
import WireProtocol

/// A run over ``FakeModel``: what it is asked is kept for the test to look at.
final class FakeDriver: RunDriver {
    struct State: Sendable {
        var ledger: [CommitRecord] = []
        var outcomes: [StepOutcome] = []
        var evaluations: [[Double]] = []
        var checkpoint: StateSnapshot?
        /// Steps after which workers' states were taken up.
        var resumed: [UInt64] = []
        var events: [(event: String, details: [String: String])] = []
    }

    let runID: UInt64 = 77
    let term: UInt64
    let parameterCount = FakeModel.parameterCount
    let vocabularyCount = FakeModel.vocabularyCount
    let stepCount: UInt64
    let microBatchCount: Int
    let evaluateEvery: UInt64
    let checkpointEvery: UInt64
    /// A step in which one micro-batch has a loss that is not finite.
    let poisonedStep: UInt64?
    let state: Mutex<State>

    init(
        stepCount: UInt64, term: UInt64 = 1, microBatchCount: Int = 8, evaluateEvery: UInt64 = 0,
        checkpointEvery: UInt64 = 0, poisonedStep: UInt64? = nil, resuming: FakeDriver? = nil
    ) {
        self.stepCount = stepCount
        self.term = term
        self.microBatchCount = microBatchCount
        self.evaluateEvery = evaluateEvery
        self.checkpointEvery = checkpointEvery
        self.poisonedStep = poisonedStep
        var state = State()
        if let resuming {
            state.ledger = resuming.state.withLock { $0.ledger }
            state.checkpoint = resuming.state.withLock { $0.checkpoint }
        }
        self.state = Mutex(state)
    }

    /// The steps done serially: digest-free expectation of the final parameters.
    func serialParameters() -> [Float] {
        let parameters = initialParameters()
        for step in 1...stepCount where step != poisonedStep {
            let batches = microBatches(step: step)
            var level = batches.map { batch in
                let gradient = Vector(zeros: parameterCount)
                _ = FakeModel.gradient(of: batch, step: step, parameters: parameters, into: gradient)
                return gradient.toArray()
            }
            while level.count > 1 {
                level = stride(from: 0, to: level.count, by: 2).map { index in
                    index + 1 < level.count
                        ? zip(level[index], level[index + 1]).map { $0 + $1 } : level[index]
                }
            }
            _ = FakeModel.apply(commit(step: step), reduced: Vector(level[0]), to: parameters)
        }
        return parameters.toArray()
    }

    func initialParameters() -> Vector {
        let values = (0..<parameterCount).map { index -> Float in Float((index * 7919) % 1013) / 1013 - 0.5 }
        return Vector(values)
    }

    func microBatches(step: UInt64) -> [MicroBatch] {
        (0..<microBatchCount).map { index in
            let first = Int(step) * 131 + index * 17
            var tokens = (0..<10).map { place -> Int32 in Int32((first + place * 7) % 1000) }
            if step == poisonedStep, index == 5 { tokens[0] = FakeModel.poison }
            return MicroBatch(
                tokenIDs: tokens, targets: tokens,
                sequences: [.init(start: 0, count: 10, exampleID: UInt32(index))])
        }
    }

    private func commit(step: UInt64) -> Commit {
        Commit(
            gradientDigest: [], tokenCount: Int64(10 * microBatchCount), learningRate: 1e-4,
            biasCorrection1: 1,
            biasCorrection2: 1)
    }

    func initialState() throws -> StateSnapshot {
        if let checkpoint = state.withLock({ $0.checkpoint }) { return checkpoint }
        return StateSnapshot(
            step: 0, parameters: initialParameters(), firstMoments: Vector(zeros: parameterCount),
            secondMoments: Vector(zeros: parameterCount))
    }

    func work(forStep step: UInt64) throws -> StepWork? {
        guard step <= stepCount else { return nil }
        let commit = commit(step: step)
        return StepWork(
            step: step, epoch: Double(step), microBatches: microBatches(step: step), exampleIDs: [],
            tokenCount: commit.tokenCount, supervisedTokenCount: commit.tokenCount,
            learningRate: commit.learningRate, biasCorrection1: 1, biasCorrection2: 1)
    }

    func resume(atStep step: UInt64, stateDigest: [UInt8], gradientNorm: Double) throws -> AfterStep? {
        state.withLock { $0.resumed.append(step) }
        return after(step: step)
    }

    struct LedgerMismatch: Error {}

    func willCommit(_ record: CommitRecord, work: StepWork) throws {
        try state.withLock { state in
            if record.step <= state.ledger.count {
                guard state.ledger[Int(record.step) - 1].gradientDigest == record.gradientDigest else {
                    throw LedgerMismatch()
                }
            } else {
                state.ledger.append(record)
            }
        }
    }

    func didFinishStep(_ outcome: StepOutcome, work: StepWork) throws -> AfterStep {
        state.withLock { $0.outcomes.append(outcome) }
        return after(step: outcome.step)
    }

    private func after(step: UInt64) -> AfterStep {
        AfterStep(
            evaluate: evaluateEvery > 0 && step % evaluateEvery == 0,
            checkpoint: step == stepCount || (checkpointEvery > 0 && step % checkpointEvery == 0),
            finish: step == stepCount)
    }

    func evaluationWork() throws -> [MicroBatch] { microBatches(step: 1) + microBatches(step: 2) }

    func didEvaluate(step: UInt64, scores: [[Evaluated.Score]]) throws -> AfterStep {
        state.withLock { $0.evaluations.append(scores.map { $0.first?.lossSum ?? .nan }) }
        return AfterStep(checkpoint: step == stepCount, finish: step == stepCount)
    }

    func willSaveCheckpoint(step: UInt64) throws {}

    func saveCheckpoint(_ snapshot: StateSnapshot) throws { state.withLock { $0.checkpoint = snapshot } }

    func record(event: String, details: [String: String]) {
        state.withLock { $0.events.append((event, details)) }
    }

    var finalParameters: [Float]? { state.withLock { $0.checkpoint?.parameters.toArray() } }
    var finishedStepCount: Int { state.withLock { $0.outcomes.count } }
}

extension Thread {
    static func sleep(seconds: Double) { sleep(forTimeInterval: seconds) }
}
