package import WireProtocol

/// A worker the coordinator knows.
package struct Member: Sendable {
    /// How far its admission is.
    package enum Phase: Sendable, Equatable {
        /// Welcomed; it loads the base and builds the model.
        case building
        /// Waits for the state, which it gets between two steps.
        case ready
        /// The state of this step is on its way to it, and it keeps the gradients of those behind.
        case loading(step: UInt64)
        /// Takes part.
        case active
    }

    package let id: UInt32
    package let connection: ConnectionID
    package let register: Register
    package var phase = Phase.building {
        didSet { if phase != oldValue { phaseSince = lastHeard } }
    }
    /// When it came into this phase, as near as its messages tell.
    package var phaseSince: Duration
    /// When a message of it arrived last.
    package var lastHeard: Duration
    /// Smoothed wall time of one micro-batch on one of its threads.
    package var secondsPerLeaf: Double?
    /// The state it says it kept; nil once it has been given another or has gone on.
    package var claim: HeldState?
    /// The state it holds by now, while it is loading.
    package var loaded: (step: UInt64, digest: [UInt8], gradientNorm: Double)?
    /// The last step whose reduced gradient it keeps, while it is loading.
    package var preparedStep: UInt64 = 0
    /// The attempt it follows, while it is loading.
    package var following: (step: UInt64, generation: UInt64)?
    /// Since when the next step has been waiting for it to get on with loading.
    package var waitedForSince: Duration?
    /// Set once it wants to go behind the step.
    package var drainReason: String?

    package init(id: UInt32, connection: ConnectionID, register: Register, now: Duration) {
        self.id = id
        self.connection = connection
        self.register = register
        lastHeard = now
        phaseSince = now
        claim = register.held
    }

    /// Its name in messages and logs.
    package var name: String { "worker \(id) (\(register.host), process \(register.processID))" }

    /// It is given the state after `step`.
    package mutating func beginLoading(step: UInt64) {
        phase = .loading(step: step)
        claim = nil
        loaded = nil
        following = nil
        waitedForSince = nil
        preparedStep = step
    }

    /// Takes a measured micro-batch into the mean, old ones fading.
    package mutating func measure(seconds: Double) {
        guard seconds.isFinite, seconds > 0 else { return }
        secondsPerLeaf = secondsPerLeaf.map { 0.7 * $0 + 0.3 * seconds } ?? seconds
    }
}
