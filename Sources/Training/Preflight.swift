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
        /// Floating-point operations of a token that training all of them adds to those of the frozen base.
        public internal(set) var operationCount: Int
        /// Bytes that each of two workers sends in a step, and receives as many.
        public var wireByteCount: Int { Preflight.wireByteCount(parameterCount: parameterCount, workers: 2) }

        init(name: String, shape: [Int], loraRank: Int?, parameterCount: Int, operationCount: Int) {
            self.name = name
            self.shape = shape
            self.loraRank = loraRank
            count = 1
            self.parameterCount = parameterCount
            self.operationCount = operationCount
        }

        /// A tensor that is trained itself: `q_proj` for `….q_proj.weight`, `q_proj.bias` for its bias. Each of its elements
        /// has a product and a sum in the gradient; of a table only the token's row is added to.
        init(wholeTensor tensor: String, shape: [Int], isTable: Bool) {
            let parts = tensor.split(separator: ".")
            let name = parts.last == "weight" ? parts.dropLast().suffix(1) : parts.suffix(2)
            self.init(
                name: name.joined(separator: "."), shape: shape, loraRank: nil,
                parameterCount: shape.reduce(1, *),
                operationCount: isTable ? shape.last ?? 0 : 2 * shape.reduce(1, *))
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
    public let memory: MemoryEstimate

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
        trainsBase = setup.configuration.method != .lora
        parameterCount = setup.trainee.layout.count
        baseParameterCount = setup.base.configuration.parameterCount
        data = try DataStatistics.measure(setup.data, maximumSteps: maximumSteps)
        evaluationRowCount = setup.evaluation?.rows.count
        memory = MemoryEstimate(
            setup.configuration, base: setup.base.configuration, trainee: setup.trainee,
            largestMicroBatch: data.largestMicroBatch, mostMicroBatches: data.mostMicroBatches)
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
        targets[same].operationCount += target.operationCount
    }
}
