public import WireProtocol

/// What a coordinator's machine has to know of the run; fixed for its life.
public struct CoordinatorOptions: Sendable {
    /// Drawn once for the RUN directory.
    public var runID: UInt64
    /// This life of the coordinator; higher than any before it.
    public var term: UInt64
    /// Trainable elements.
    public var parameterCount: Int
    /// How the flat gradient is cut into chunks.
    public var layout: ChunkLayout
    /// Hex digest of the base that workers must hold.
    public var baseDigest: String
    /// `--allow-different-base`: another digest is recorded instead of refused.
    public var allowsDifferentBase = false
    /// `numerics: exact`: workers whose fingerprint differs from the first one's are refused.
    public var requiresEqualNumerics = true
    /// The fingerprint of an earlier life of the run; nil takes the first worker's.
    public var numerics: NumericsFingerprint?
    /// `collective: star`: the coordinator as a participant (id 0); nil for a mesh.
    public var reducer: Plan.Participant?
    /// Workers that must be ready before the first step.
    public var minimumWorkers = 1
    /// Between two heartbeats.
    public var heartbeatInterval = Duration.seconds(1)
    /// Silence after which a worker counts as lost.
    public var lostAfter = Duration.seconds(5)
    /// How long an exchange of computed gradients may stand still before it is tried again; twice as long at each
    /// further attempt.
    public var exchangeTimeout = Duration.seconds(60)
    /// Attempts at one step's exchange before the run stops: its workers cannot reach one another.
    public var maximumExchangeAttempts = 3
    /// Silence after which a worker gives up the coordinator; told to workers.
    public var orphanTimeout = Duration.seconds(600)
    /// `on_non_finite: skip_step`: such a step counts and leaves the state as it was.
    public var skipsNonFiniteSteps = false
    /// The resolved configuration as YAML, for the workers.
    public var configuration = ""
    /// PEFT's `adapter_config.json`, for the workers.
    public var adapterConfiguration = ""
    /// Steps of the whole run, for the status; 0 where that is not known.
    public var totalSteps: UInt64 = 0
    /// The last step in the ledger when this life began.
    public var ledgerHead: UInt64 = 0
    /// Steps in the ledger behind the checkpoint this life begins with.
    public var ledgered: [UInt64: LedgeredStep] = [:]
    /// Workers that computed the last step in the ledger.
    public var lastWorkerCount = 0

    public init(runID: UInt64, term: UInt64, parameterCount: Int, baseDigest: String) {
        self.runID = runID
        self.term = term
        self.parameterCount = parameterCount
        layout = ChunkLayout(parameterCount: parameterCount)
        self.baseDigest = baseDigest
    }
}
