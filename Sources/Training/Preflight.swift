import Configurations
public import Datasets
import Layers
import Tensors
import Transformers

/// What a run is going to train, on how much data, and what it costs: for `shoal preflight` and the first lines of
/// `shoal train`. All checks have been made by the ``RunSetup`` it looks at.
public struct Preflight: Sendable, Equatable {
    /// Adapted modules, or trained tensors, of one name, shape and r.
    public struct Target: Sendable, Equatable {
        /// The last part of their names, e.g. `q_proj`.
        public let name: String
        /// Of the module's weight, or of the tensor.
        public let shape: [Int]
        /// Of the adapter; nil for a tensor that is trained itself.
        public let loraRank: Int?
        /// How many there are.
        public internal(set) var count: Int
        /// Trained elements of all of them.
        public internal(set) var parameterCount: Int
    }

    /// Bytes that a worker process holds.
    public struct Memory: Sendable, Equatable {
        /// The base in Float32: mapped, so once per host however many workers run there.
        public let base: Int
        /// Activations and scratch of each compute thread, at the largest micro-batch.
        public let perThread: Int
        /// Parameters and the two moments.
        public let state: Int
        /// One gradient: each thread fills one, and ``heldGradients`` more are held.
        public let gradient: Int
        /// Partial sums of the reduction tree that wait for their other half, and the reduced gradient.
        public let heldGradients: Int

        /// Bytes of a worker of so many threads, without the base.
        public func worker(threads: Int) -> Int {
            state + threads * (perThread + gradient) + heldGradients * gradient
        }
    }

    /// In the model's forward order.
    public let targets: [Target]
    /// Whether tensors of the base are trained, and not an adapter beside it.
    public let trainsBase: Bool
    /// Trained elements.
    public let parameterCount: Int
    /// Elements of the base.
    public let baseParameterCount: Int
    public let data: DataStatistics
    /// Rows of an evaluation; nil when there is none.
    public let evaluationRowCount: Int?
    public let memory: Memory

    /// Trained elements as a share of the base's.
    public var share: Double { Double(parameterCount) / Double(max(1, baseParameterCount)) }

    /// Threads of the whole cluster that the usual step can feed: one for each of its micro-batches.
    public var usefulThreadCount: Int { data.medianMicroBatches }

    /// Measures a run.
    ///
    /// - Parameter maximumSteps: looks at the rows of no more than so many steps.
    /// - Throws: `DatasetError` that names file and line of a row that cannot be trained on.
    public init(_ setup: RunSetup, maximumSteps: Int) throws {
        targets = setup.trainee.targets.reduce(into: []) { Self.add($1, to: &$0) }
        trainsBase = !setup.trainee.parts.tensors.isEmpty
        parameterCount = setup.trainee.layout.count
        baseParameterCount = setup.base.configuration.parameterCount
        data = try DataStatistics.measure(setup.data, maximumSteps: maximumSteps)
        evaluationRowCount = setup.evaluation?.rows.count
        memory = Self.memory(
            setup, parameterCount: setup.trainee.layout.count, data: data,
            baseParameterCount: baseParameterCount)
    }

    /// Bytes that each of `workers` sends in a step, and receives as many: 2 · (n − 1) ÷ n of the gradient.
    public static func wireByteCount(parameterCount: Int, workers: Int) -> Int {
        precondition(workers >= 1, "\(workers) workers")
        return 2 * (workers - 1) * 4 * parameterCount / workers
    }

    /// Bytes that each of `workers` sends in a step, and receives as many.
    public func wireByteCount(workers: Int) -> Int {
        Self.wireByteCount(parameterCount: parameterCount, workers: workers)
    }

    /// Counts a target with those of its kind.
    private static func add(_ target: Target, to targets: inout [Target]) {
        let same = targets.firstIndex {
            $0.name == target.name && $0.shape == target.shape && $0.loraRank == target.loraRank
        }
        guard let same else { return targets.append(target) }
        targets[same].count += target.count
        targets[same].parameterCount += target.parameterCount
    }

    private static func memory(
        _ setup: RunSetup, parameterCount: Int, data: DataStatistics, baseParameterCount: Int
    ) -> Memory {
        // Small micro-batches go through the layers together, up to so many tokens.
        let tokens = max(data.largestMicroBatch, ComputeGroups.tokenCount)
        let extent = BatchExtent(
            tokenCount: tokens, supervisedCount: tokens,
            longestSequence: min(tokens, setup.configuration.data.maxSequenceLength))
        // A tree of n leaves keeps at most one finished subtree of each height; and the reduced gradient.
        let height = Int.bitWidth - max(0, data.mostMicroBatches - 1).leadingZeroBitCount
        return Memory(
            base: 4 * baseParameterCount,
            perThread: setup.base.configuration.workspaceByteCount(
                for: extent, trained: setup.trainee.parts),
            state: 3 * 4 * parameterCount, gradient: 4 * parameterCount, heldGradients: height + 1)
    }
}
