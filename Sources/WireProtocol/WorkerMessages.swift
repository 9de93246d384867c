/// A worker asks to take part.
public struct Register: Sendable, Equatable {
    /// `shoal --version` of the worker, for the log and the refusal.
    public var shoalVersion: String
    public var host: String
    public var processID: UInt32
    /// Hex digest of the base it holds; compared before the first step.
    public var baseDigest: String
    public var numerics: NumericsFingerprint
    /// Micro-batches it computes at once.
    public var threadCount: UInt32
    /// Where its data socket listens, e.g. `tcp://10.0.0.2:40111` or `ipc://…`.
    public var dataEndpoint: String
    /// Z85 CURVE public key of its data socket; empty where the transport is plain.
    public var publicKey: String
    /// What it still holds of this run, when it reconnects.
    public var held: HeldState?

    public init(
        shoalVersion: String, host: String, processID: UInt32, baseDigest: String,
        numerics: NumericsFingerprint, threadCount: UInt32, dataEndpoint: String, publicKey: String,
        held: HeldState? = nil
    ) {
        self.shoalVersion = shoalVersion
        self.host = host
        self.processID = processID
        self.baseDigest = baseDigest
        self.numerics = numerics
        self.threadCount = threadCount
        self.dataEndpoint = dataEndpoint
        self.publicKey = publicKey
        self.held = held
    }
}

/// What decides the last bits of a product; equal fingerprints promise equal bits.
public struct NumericsFingerprint: Sendable, Equatable {
    /// OpenBLAS's version and build options.
    public var blas: String
    /// The core whose kernels OpenBLAS chose, e.g. `Haswell`.
    public var core: String
    /// Shoal's own kernel variant.
    public var kernels: String

    public init(blas: String, core: String, kernels: String) {
        self.blas = blas
        self.core = core
        self.kernels = kernels
    }
}

/// State that a reconnecting worker kept.
public struct HeldState: Sendable, Equatable {
    /// The run it belongs to.
    public var runID: UInt64
    /// The last step it applied.
    public var step: UInt64
    /// Digest of its state after that step.
    public var stateDigest: [UInt8]
    /// The generation it prepared for `step + 1`, if it waits for a commit.
    public var preparedGeneration: UInt64?
    /// Digest of the reduced gradient it prepared.
    public var preparedDigest: [UInt8]
    /// Norm of the gradient of `step`, for a metrics line that the coordinator did not write any more.
    public var gradientNorm: Double

    public init(
        runID: UInt64, step: UInt64, stateDigest: [UInt8], preparedGeneration: UInt64? = nil,
        preparedDigest: [UInt8] = [], gradientNorm: Double = 0
    ) {
        self.runID = runID
        self.step = step
        self.stateDigest = stateDigest
        self.preparedGeneration = preparedGeneration
        self.preparedDigest = preparedDigest
        self.gradientNorm = gradientNorm
    }
}

/// Two reports on the way to taking part. Without a digest: the model is built, the state may be sent. With one:
/// the state arrived, and this is what the worker computed from its bytes; the header's step is its step.
public struct StateLoaded: Sendable, Equatable {
    public var stateDigest: [UInt8]
    public init(stateDigest: [UInt8]) { self.stateDigest = stateDigest }
}

/// One micro-batch is done; its gradient stays with the worker until the step is committed or given up.
public struct LeafComputed: Sendable, Equatable {
    public var leaf: UInt32
    /// Σ −log p over its supervised tokens.
    public var lossSum: Double
    public var tokenCount: Int64
    /// Wall time of its forward and backward, for the dealing.
    public var seconds: Double
    /// False when the loss or any gradient element is not finite.
    public var isFinite: Bool

    public init(leaf: UInt32, lossSum: Double, tokenCount: Int64, seconds: Double, isFinite: Bool) {
        self.leaf = leaf
        self.lossSum = lossSum
        self.tokenCount = tokenCount
        self.seconds = seconds
        self.isFinite = isFinite
    }
}

/// The worker holds the whole reduced gradient of (step, generation) and waits for the commit.
public struct Prepared: Sendable, Equatable {
    /// SHA-256 over the chunk digests of the reduced, unnormalised gradient.
    public var gradientDigest: [UInt8]
    public var computeSeconds: Double
    public var reduceSeconds: Double
    /// The part of `reduceSeconds` in which no compute thread had work.
    public var exposedReduceSeconds: Double
    public var bytesSent: UInt64
    public var bytesReceived: UInt64
    public var peakResidentBytes: UInt64
    /// Messages the worker dropped since it started, of whatever kind.
    public var messagesDropped: UInt64
    /// Connections to its data socket that were turned away since it started.
    public var connectionsRefused: UInt64

    public init(
        gradientDigest: [UInt8], computeSeconds: Double, reduceSeconds: Double, exposedReduceSeconds: Double,
        bytesSent: UInt64, bytesReceived: UInt64, peakResidentBytes: UInt64, messagesDropped: UInt64 = 0,
        connectionsRefused: UInt64 = 0
    ) {
        self.gradientDigest = gradientDigest
        self.computeSeconds = computeSeconds
        self.reduceSeconds = reduceSeconds
        self.exposedReduceSeconds = exposedReduceSeconds
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.peakResidentBytes = peakResidentBytes
        self.messagesDropped = messagesDropped
        self.connectionsRefused = connectionsRefused
    }
}

/// The update of the header's step is applied.
public struct Applied: Sendable, Equatable {
    /// Digest of parameters and moments after the step; empty where the commit did without it.
    public var stateDigest: [UInt8]
    /// Norm of the normalised gradient before clipping.
    public var gradientNorm: Double

    public init(stateDigest: [UInt8], gradientNorm: Double) {
        self.stateDigest = stateDigest
        self.gradientNorm = gradientNorm
    }
}

/// Scores of one evaluation micro-batch.
public struct Evaluated: Sendable, Equatable {
    public var leaf: UInt32
    public var scores: [Score]

    public init(leaf: UInt32, scores: [Score]) {
        self.leaf = leaf
        self.scores = scores
    }

    /// Of one sequence: Σ −log p, supervised tokens, supervised tokens whose target was the likeliest, and the likeliest
    /// class of a classifier.
    public struct Score: Sendable, Equatable {
        public var lossSum: Double
        public var tokenCount: UInt32
        public var greedyMatches: UInt32
        public var predictedClass: UInt32?

        public init(lossSum: Double, tokenCount: UInt32, greedyMatches: UInt32, predictedClass: UInt32? = nil)
        {
            self.lossSum = lossSum
            self.tokenCount = tokenCount
            self.greedyMatches = greedyMatches
            self.predictedClass = predictedClass
        }
    }
}

/// The worker goes, on purpose.
public struct Leave: Sendable, Equatable {
    public var reason: String
    /// True: it finishes its part of the step first, and goes when it gets a ``Finish``. False: it is gone.
    public var drains: Bool
    public init(reason: String, drains: Bool = false) {
        self.reason = reason
        self.drains = drains
    }
}

/// Chunks of the step under way do not come from these participants any more.
public struct ExchangeStalled: Sendable, Equatable {
    /// Their partial sums are missing here.
    public var partialsFrom: [UInt32]
    /// Chunks that they finish are missing here.
    public var reducedFrom: [UInt32]

    public init(partialsFrom: [UInt32], reducedFrom: [UInt32]) {
        self.partialsFrom = partialsFrom
        self.reducedFrom = reducedFrom
    }
}
