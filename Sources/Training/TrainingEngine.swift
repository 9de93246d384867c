import Dispatch
import DurableFiles
import Foundation
public import Optimizers
public import Tensors
public import Transformers
public import WireProtocol

/// A worker's model, its compute threads and its training state.
public final class TrainingEngine<Model: TransformerModel>: WorkerEngine, @unchecked Sendable {
    // Safety: `model`, `pool` and `optimizer` are fixed. `state` and the vectors behind it are written only by
    // `submitApply` and `install`, when no gradient is under way (WorkerEngine's contract).
    private let model: Model
    private let pool: ComputePool<Model.Workspace>
    private let optimizer: AdamW
    private let seed: UInt64
    private let memory: ActivationMemory
    private var state: TrainingState

    public let vocabularyCount: Int
    public var parameterCount: Int { state.parameterCount }
    public var threadCount: Int { pool.threadCount }

    /// Starts `threadCount` compute threads over `model`.
    ///
    /// - Parameters:
    ///   - seed: `training.seed`, the key of dropout.
    ///   - memory: of training passes.
    public init(
        model: Model, vocabularyCount: Int, optimizer: AdamW, seed: UInt64, threadCount: Int,
        memory: ActivationMemory = ActivationMemory()
    ) {
        self.model = model
        self.vocabularyCount = vocabularyCount
        self.optimizer = optimizer
        self.seed = seed
        self.memory = memory
        state = TrainingState(initial: Vector(zeros: model.trainable.count))
        pool = ComputePool(threadCount: threadCount) { model.makeWorkspace() }
    }

    public var groupTokenCount: Int { model.takesSeveralBatches ? JobSize.wantedTokens : 0 }

    public func submitGradients(
        of batches: [MicroBatch], step: UInt64, into gradients: [Vector],
        completion: @escaping @Sendable (Result<[GradientOutcome], any Error>) -> Void
    ) {
        let pass = TrainingPass(seed: seed, step: UInt32(truncatingIfNeeded: step), memory: memory)
        pool.submit { [model, parameters = state.parameters] workspace in
            completion(
                Result {
                    let clock = ContinuousClock()
                    let start = clock.now
                    let losses = try model.gradient(
                        of: batches, parameters: parameters, into: gradients, pass: pass, workspace: workspace
                    )
                    let seconds = (clock.now - start).seconds
                    let tokenCount = max(batches.reduce(0) { $0 + $1.tokenCount }, 1)
                    return batches.indices.map { index in
                        // Squares of Float32 do not overflow in Float64: the sum is finite exactly when all are.
                        let isFinite =
                            losses[index].lossSum.isFinite
                            && GradientNorm.squaredSum(of: gradients[index]).isFinite
                        return GradientOutcome(
                            lossSum: losses[index].lossSum, tokenCount: losses[index].tokenCount,
                            seconds: seconds * Double(batches[index].tokenCount) / Double(tokenCount),
                            isFinite: isFinite)
                    }
                })
        }
    }

    public func submitScores(
        of batch: MicroBatch, completion: @escaping @Sendable (Result<[Evaluated.Score], any Error>) -> Void
    ) {
        pool.submit { [model, parameters = state.parameters] workspace in
            completion(
                Result {
                    try model.scores(of: batch, parameters: parameters, workspace: workspace).map {
                        Evaluated.Score(
                            lossSum: $0.lossSum, tokenCount: UInt32($0.tokenCount),
                            greedyMatches: UInt32($0.greedyMatches),
                            predictedClass: $0.predictedClass.map { UInt32($0) })
                    }
                })
        }
    }

    public func submitApply(
        _ commit: Commit, reducedGradient: Vector, step: UInt64,
        completion: @escaping @Sendable (Result<Applied, any Error>) -> Void
    ) {
        // Waits for the compute threads, which share the work, so it is not one of them.
        DispatchQueue.global().async { [self] in
            completion(Result { try apply(commit, reducedGradient: reducedGradient, step: step) })
        }
    }

    private func apply(_ commit: Commit, reducedGradient: Vector, step: UInt64) throws -> Applied {
        guard !commit.skipsUpdate else {
            state.step = Int(step)
            return Applied(stateDigest: try sharedStateDigest(commit), gradientNorm: .nan)
        }
        let sums = try inShares(of: GradientNorm.blockCount(of: reducedGradient.count)) { blocks in
            GradientNorm.blockSums(of: reducedGradient, blocks: blocks)
        }
        let scaling = try GradientScaling(
            squaredSum: GradientNorm.combine(sums.flatMap { $0 }), tokenCount: commit.tokenCount,
            maxGradientNorm: optimizer.configuration.maxGradientNorm)
        let update = UpdateParameters(
            learningRate: commit.learningRate, biasCorrection1: commit.biasCorrection1,
            biasCorrection2: commit.biasCorrection2, tokenCount: commit.tokenCount)
        _ = try inShares(of: reducedGradient.count) { [optimizer, state] elements in
            optimizer.apply(
                gradient: reducedGradient, scaling: scaling, update: update, to: state, range: elements)
        }
        state.step = Int(step)
        return Applied(stateDigest: try sharedStateDigest(commit), gradientNorm: scaling.gradientNorm)
    }

    /// ``stateDigest()`` where `commit` wants it, by all threads.
    private func sharedStateDigest(_ commit: Commit) throws -> [UInt8] {
        guard !commit.skipsStateDigest else { return [] }
        let sections = state.sections
        let chunkCount = sections.reduce(0) { $0 + ChunkedDigest.chunkCount(of: $1.count) }
        let digests = try inShares(of: chunkCount) { chunks in
            ChunkedDigest.chunkDigests(of: sections, chunks: chunks)
        }
        return ChunkedDigest.combine(digests.flatMap { $0 }).bytes
    }

    /// Cuts 0..<count into a range for each compute thread, and returns what `body` makes of each, in order.
    private func inShares<Result: Sendable>(
        of count: Int, _ body: @escaping @Sendable (Range<Int>) -> Result
    ) throws -> [Result] {
        let shares = threadCount
        return try pool.map(count: shares) { index, _ in
            body(count * index / shares..<count * (index + 1) / shares)
        }
    }

    public var stateVectors: (parameters: Vector, firstMoments: Vector, secondMoments: Vector) {
        (state.parameters, state.firstMoments, state.secondMoments)
    }

    public func install(_ snapshot: StateSnapshot) {
        state = TrainingState(
            step: Int(snapshot.step), parameters: snapshot.parameters, firstMoments: snapshot.firstMoments,
            secondMoments: snapshot.secondMoments)
    }

    public func stateDigest() -> [UInt8] { state.digest().bytes }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
