import Adapters
import Collectives
import Configurations
import Coordination
import Dispatch
import Foundation
import Logging
import Synchronization
import Tensors
import Training
import WireProtocol

/// Takes a run through its steps in one process: the driver and an engine of the real program, the reduction tree
/// between them, and no sockets.
struct SerialTrainer {
    let run: TrainingRun
    let engine: any WorkerEngine

    init(_ run: TrainingRun, threadCount: Int) throws {
        self.run = run
        engine = try WorkerModel.makeEngine(
            Welcome(
                workerID: 1, configuration: run.setup.configuration.resolvedYAML(),
                adapterConfiguration: run.setup.trainee.adapterConfiguration, heartbeatSeconds: 1,
                lostAfterSeconds: 5,
                orphanTimeoutSeconds: 600, parameterCount: UInt64(run.parameterCount)),
            base: run.setup.base, threadCount: threadCount)
    }

    /// Trains until the run says it is over, or `lastStep` is done.
    func train(lastStep: UInt64 = .max) throws {
        let start = try run.initialState()
        engine.install(start)
        var step = start.step + 1
        var digest = engine.stateDigest()
        while step <= lastStep, let work = try run.work(forStep: step) {
            var agenda = try take(work, &digest)
            if agenda.evaluate {
                let scores = try run.evaluationWork().map { batch in
                    try wait { engine.submitScores(of: batch, completion: $0) }
                }
                agenda = try run.didEvaluate(step: step, scores: scores)
            }
            if agenda.checkpoint { try saveCheckpoint(step: step) }
            if agenda.finish { return }
            step += 1
        }
    }

    /// Writes down the state after `step`.
    func saveCheckpoint(step: UInt64) throws {
        let state = engine.stateVectors
        try run.saveCheckpoint(
            StateSnapshot(
                step: step, parameters: state.parameters, firstMoments: state.firstMoments,
                secondMoments: state.secondMoments))
    }

    /// - Parameter stateDigest: of the state before the step, then of that after it; empty where it is not taken.
    private func take(_ work: StepWork, _ stateDigest: inout [UInt8]) throws -> AfterStep {
        let gradients = work.microBatches.map { _ in Vector(zeros: run.parameterCount) }
        // All at once, so that several threads share them.
        let outcomes = try waitAll(work.microBatches.count) { index, completion in
            engine.submitGradients(
                of: [work.microBatches[index]], step: work.step, into: [gradients[index]]
            ) { completion($0.map { $0[0] }) }
        }
        let tree = ReductionTree(leafCount: work.microBatches.count)
        var partials = PartialStore(parameterCount: run.parameterCount)
        partials.begin(leafCount: work.microBatches.count)
        for (leaf, gradient) in gradients.enumerated() { partials.insert(gradient, leaf: leaf) }
        guard let reduced = partials.partial(tree.root) else { throw Unreduced() }
        let digest = [UInt8](repeating: 7, count: 32)
        let commit = Commit(
            gradientDigest: digest, tokenCount: work.supervisedTokenCount, learningRate: work.learningRate,
            biasCorrection1: work.biasCorrection1, biasCorrection2: work.biasCorrection2,
            skipsStateDigest: !work.digestsState)
        let lossSum = outcomes.reduce(0) { $0 + $1.lossSum }
        try run.willCommit(
            CommitRecord(
                step: work.step, generation: 1, leafWorkers: work.microBatches.map { _ in 1 },
                gradientDigest: digest, stateDigestBefore: stateDigest, lossSum: lossSum, wasSkipped: false),
            work: work)
        let applied = try wait {
            engine.submitApply(commit, reducedGradient: reduced, step: work.step, completion: $0)
        }
        stateDigest = applied.stateDigest
        return try run.didFinishStep(
            StepOutcome(
                step: work.step, generation: 1, lossSum: lossSum,
                supervisedTokenCount: work.supervisedTokenCount, gradientNorm: applied.gradientNorm,
                gradientDigest: digest, stateDigest: applied.stateDigest, stepSeconds: 0.1,
                computeSeconds: 0.1, reduceSeconds: 0, exposedReduceSeconds: 0, wireBytesSent: 0,
                wireBytesReceived: 0, peakResidentBytes: 0, workerCount: 1, wasSkipped: false), work: work)
    }

    private struct Unreduced: Error {}

    private func wait<Value: Sendable>(
        _ submit: (@escaping @Sendable (Result<Value, any Error>) -> Void) -> Void
    ) throws -> Value {
        try waitAll(1) { _, completion in submit(completion) }[0]
    }

    /// The results of `count` submissions, in order.
    private func waitAll<Value: Sendable>(
        _ count: Int, _ submit: (Int, @escaping @Sendable (Result<Value, any Error>) -> Void) -> Void
    ) throws -> [Value] {
        let results = Slots<Value>(count: count)
        for index in 0..<count {
            submit(index) { results.fill(index, $0) }
        }
        return try results.wait()
    }
}

/// Results that compute threads fill in.
private final class Slots<Value: Sendable>: Sendable {
    private let values: Mutex<[Result<Value, any Error>?]>
    private let filled = DispatchSemaphore(value: 0)
    private let count: Int

    init(count: Int) {
        self.count = count
        values = Mutex(Array(repeating: nil, count: count))
    }

    func fill(_ index: Int, _ result: Result<Value, any Error>) {
        values.withLock { $0[index] = result }
        filled.signal()
    }

    func wait() throws -> [Value] {
        for _ in 0..<count { filled.wait() }
        return try values.withLock { $0 }.compactMap { try $0?.get() }
    }
}
