import Adapters
import Configurations
public import Datasets
import Layers
import Tensors
import Transformers

/// What a run is going to train, on how much data, and what it costs: for `shoal preflight` and the first lines of
/// `shoal train`. All checks have been made by the ``RunSetup`` it looks at.
public struct Preflight: Sendable, Equatable {
    /// Adapted modules of one name, shape and r.
    public struct Target: Sendable, Equatable {
        /// The last part of their names, e.g. `q_proj`.
        public let name: String
        public let inputCount: Int
        public let outputCount: Int
        public let loraRank: Int
        /// How many there are.
        public internal(set) var moduleCount: Int
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
        targets = Self.targets(of: setup.adapted.placement)
        parameterCount = setup.adapted.layout.count
        baseParameterCount = setup.base.configuration.parameterCount
        data = try DataStatistics.measure(setup.data, maximumSteps: maximumSteps)
        evaluationRowCount = setup.evaluation?.rows.count
        memory = Self.memory(
            setup, parameterCount: setup.adapted.layout.count, data: data,
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

    private static func targets(of placement: AdapterPlacement) -> [Target] {
        var result: [Target] = []
        for placed in placement.modules {
            let (module, loraRank) = (placed.module, placed.settings.loraRank)
            let name = module.name.split(separator: ".").last.map(String.init) ?? module.name
            let count = loraRank * (module.inputCount + module.outputCount)
            let same = result.firstIndex {
                $0.name == name && $0.inputCount == module.inputCount
                    && $0.outputCount == module.outputCount && $0.loraRank == loraRank
            }
            if let same {
                result[same].moduleCount += 1
                result[same].parameterCount += count
            } else {
                result.append(
                    Target(
                        name: name, inputCount: module.inputCount, outputCount: module.outputCount,
                        loraRank: loraRank, moduleCount: 1, parameterCount: count))
            }
        }
        return result
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
                for: extent, adapters: setup.adapted.placement.settingsByName),
            state: 3 * 4 * parameterCount, gradient: 4 * parameterCount, heldGradients: height + 1)
    }
}
