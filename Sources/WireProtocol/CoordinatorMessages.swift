/// The answer to ``Register``: the worker takes part once it holds the state that follows.
public struct Welcome: Sendable, Equatable {
    public var workerID: UInt32
    /// The resolved configuration as YAML; the worker builds model and adapter from it.
    public var configuration: String
    /// PEFT's `adapter_config.json` of the run, so that both sides place the same adapter.
    public var adapterConfiguration: String
    public var heartbeatSeconds: Double
    public var lostAfterSeconds: Double
    public var orphanTimeoutSeconds: Double
    /// Trainable elements; a worker whose model has another number reports an error.
    public var parameterCount: UInt64

    public init(
        workerID: UInt32, configuration: String, adapterConfiguration: String, heartbeatSeconds: Double,
        lostAfterSeconds: Double, orphanTimeoutSeconds: Double, parameterCount: UInt64
    ) {
        self.workerID = workerID
        self.configuration = configuration
        self.adapterConfiguration = adapterConfiguration
        self.heartbeatSeconds = heartbeatSeconds
        self.lostAfterSeconds = lostAfterSeconds
        self.orphanTimeoutSeconds = orphanTimeoutSeconds
        self.parameterCount = parameterCount
    }
}

/// The coordinator will not have this worker; it exits with the message.
public struct Refusal: Sendable, Equatable {
    public enum Code: UInt32, Sendable, CaseIterable {
        case protocolVersion = 1
        case differentBase = 2
        case differentNumerics = 3
        case differentState = 4
        case notAdmitted = 5
        case runFinished = 6
        case unreachable = 7
    }
    public var code: Code
    public var message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}

/// Who takes part in one generation of a step, and who computes and finishes what.
public struct Plan: Sendable, Equatable {
    /// One reducer: a worker, or the coordinator (id 0) under `collective: star`.
    public struct Participant: Sendable, Equatable {
        public var id: UInt32
        public var dataEndpoint: String
        /// Z85 CURVE public key; empty where the transport is plain.
        public var publicKey: String
        /// Leaves it computes (or already holds), in ascending order; empty for the coordinator.
        public var leaves: [UInt32]

        public init(id: UInt32, dataEndpoint: String, publicKey: String, leaves: [UInt32]) {
            self.id = id
            self.dataEndpoint = dataEndpoint
            self.publicKey = publicKey
            self.leaves = leaves
        }
    }

    /// Micro-batches of the step.
    public var leafCount: UInt32
    /// Elements of a chunk of the flat gradient; the last chunk may be shorter.
    public var chunkElementCount: UInt32
    /// The participant that folds and publishes each chunk.
    public var chunkOwners: [UInt32]
    public var participants: [Participant]

    public init(
        leafCount: UInt32, chunkElementCount: UInt32, chunkOwners: [UInt32], participants: [Participant]
    ) {
        self.leafCount = leafCount
        self.chunkElementCount = chunkElementCount
        self.chunkOwners = chunkOwners
        self.participants = participants
    }
}

/// Work for the header's (step, generation). The payload frames are the micro-batches of `leaves`, in order
/// (``MicroBatchCoding``); leaves of this worker that are not listed are those it holds already.
public struct Assignment: Sendable, Equatable {
    public var plan: Plan
    public var leaves: [UInt32]
    /// The worker computes nothing and keeps the reduced gradient, for a state of an earlier step that is on its way.
    public var follows: Bool

    public init(plan: Plan, leaves: [UInt32], follows: Bool = false) {
        self.plan = plan
        self.leaves = leaves
        self.follows = follows
    }
}

/// Apply the prepared gradient of the header's (step, generation). Real numbers travel as bits.
public struct Commit: Sendable, Equatable {
    public var gradientDigest: [UInt8]
    /// Supervised tokens of the global batch: the gradient's divisor.
    public var tokenCount: Int64
    public var learningRate: Float
    /// 1 − β₁ᵏ and 1 − β₂ᵏ.
    public var biasCorrection1: Float
    public var biasCorrection2: Float
    /// True when the step is given up (`on_non_finite: skip_step`): the step counts, the state stays.
    public var skipsUpdate: Bool
    /// True when nobody needs the digest of the state after the step: that of a whole base takes seconds.
    public var skipsStateDigest: Bool

    public init(
        gradientDigest: [UInt8], tokenCount: Int64, learningRate: Float, biasCorrection1: Float,
        biasCorrection2: Float, skipsUpdate: Bool = false, skipsStateDigest: Bool = false
    ) {
        self.gradientDigest = gradientDigest
        self.tokenCount = tokenCount
        self.learningRate = learningRate
        self.biasCorrection1 = biasCorrection1
        self.biasCorrection2 = biasCorrection2
        self.skipsUpdate = skipsUpdate
        self.skipsStateDigest = skipsStateDigest
    }
}

/// Forget what was prepared for the header's (step, generation); leaves are kept. With step 0: the coordinator
/// does not know the receiver (any more), which is to register again.
public struct Abort: Sendable, Equatable {
    public var reason: String
    public init(reason: String) { self.reason = reason }
}

/// Score the micro-batches in the payload frames; one ``Evaluated`` comes back for each.
public struct EvaluationAssignment: Sendable, Equatable {
    public var leaves: [UInt32]
    public init(leaves: [UInt32]) { self.leaves = leaves }
}

/// Send the state after the header's step as ``StateChunk`` messages.
public struct SnapshotRequest: Sendable, Equatable {
    public init() {}
}

/// The run is over (or interrupted); the worker exits.
public struct Finish: Sendable, Equatable {
    public var reason: String
    public init(reason: String) { self.reason = reason }
}
