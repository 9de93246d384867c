import Cluster
import Dispatch
import DurableFiles
import Foundation
import Optimizers
import Synchronization
import Tensors
import Training
import WireProtocol

/// What the fake model computes; cheap, and such that a stale parameter, a missed or doubled micro-batch or another
/// order of additions changes the bits.
struct FakeModel: Sendable {
    static let parameterCount = 9001
    static let vocabularyCount = 1001
    /// A micro-batch that starts with this id has a loss that is not finite.
    static let poison: Int32 = 1000

    static func gradient(of batch: MicroBatch, step: UInt64, parameters: Vector, into gradient: Vector)
        -> Double
    {
        if batch.tokenIDs[0] == poison { return .nan }
        var loss = 0.0
        for index in 0..<gradient.count {
            let token = batch.tokenIDs[index % batch.tokenCount]
            let value =
                (Float(token) * 0.37 - 150) * parameters[index] + Float(index % 17) * 0.11 + Float(step)
            gradient[index] = value
            loss += Double(value) * 1e-3
        }
        return loss
    }

    static func apply(_ commit: Commit, reduced: Vector, to parameters: Vector) -> Double {
        if commit.skipsUpdate { return .nan }
        var squares = 0.0
        for index in 0..<parameters.count {
            let mean = reduced[index] / Float(commit.tokenCount)
            squares += Double(mean) * Double(mean)
            parameters[index] -= commit.learningRate * mean
        }
        return squares.squareRoot()
    }
}

/// An engine over ``FakeModel`` whose micro-batches take some time.
final class FakeEngine: WorkerEngine, @unchecked Sendable {
    // Safety: the state is written by `submitApply` and between steps only, as WorkerEngine asks.
    let parameterCount = FakeModel.parameterCount
    let vocabularyCount = FakeModel.vocabularyCount
    let threadCount: Int
    let groupTokenCount = 0
    private let secondsPerLeaf: Double
    private let slots: DispatchSemaphore
    private let queue = DispatchQueue(label: "fake-engine", attributes: .concurrent)
    private let parameters = Vector(zeros: FakeModel.parameterCount)
    private let firstMoments = Vector(zeros: FakeModel.parameterCount)
    private let secondMoments = Vector(zeros: FakeModel.parameterCount)
    let computedLeafCount = Atomic<Int>(0)

    init(threadCount: Int, secondsPerLeaf: Double) {
        self.threadCount = threadCount
        self.secondsPerLeaf = secondsPerLeaf
        slots = DispatchSemaphore(value: threadCount)
    }

    func submitGradients(
        of batches: [MicroBatch], step: UInt64, into gradients: [Vector],
        completion: @escaping @Sendable (Result<[GradientOutcome], any Error>) -> Void
    ) {
        run { [self] in
            completion(
                .success(
                    zip(batches, gradients).map { batch, gradient in
                        let loss = FakeModel.gradient(
                            of: batch, step: step, parameters: parameters, into: gradient)
                        computedLeafCount.add(1, ordering: .relaxed)
                        return GradientOutcome(
                            lossSum: loss, tokenCount: Int64(batch.supervisedTokenCount),
                            seconds: secondsPerLeaf, isFinite: loss.isFinite)
                    }))
        }
    }

    func submitScores(
        of batch: MicroBatch, completion: @escaping @Sendable (Result<[Evaluated.Score], any Error>) -> Void
    ) {
        run { [self] in
            completion(
                .success([
                    .init(
                        lossSum: Double(parameters[Int(batch.tokenIDs[0])]), tokenCount: 1, greedyMatches: 0)
                ]))
        }
    }

    func submitApply(
        _ commit: Commit, reducedGradient: Vector, step: UInt64,
        completion: @escaping @Sendable (Result<Applied, any Error>) -> Void
    ) {
        run(takesTime: false) { [self] in
            let norm = FakeModel.apply(commit, reduced: reducedGradient, to: parameters)
            completion(.success(Applied(stateDigest: stateDigest(), gradientNorm: norm)))
        }
    }

    var stateVectors: (parameters: Vector, firstMoments: Vector, secondMoments: Vector) {
        (parameters, firstMoments, secondMoments)
    }

    func install(_ state: StateSnapshot) {
        parameters.copy(from: state.parameters)
        firstMoments.copy(from: state.firstMoments)
        secondMoments.copy(from: state.secondMoments)
    }

    func stateDigest() -> [UInt8] {
        ChunkedDigest.digest(of: [parameters, firstMoments, secondMoments]).bytes
    }

    private func run(takesTime: Bool = true, _ body: @escaping @Sendable () -> Void) {
        queue.async { [self] in
            slots.wait()
            defer { slots.signal() }
            if takesTime, secondsPerLeaf > 0 { Thread.sleep(seconds: secondsPerLeaf) }
            body()
        }
    }
}
