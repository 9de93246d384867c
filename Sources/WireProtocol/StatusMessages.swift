/// Somebody who takes no part asks how the run is doing; answered whatever the header says.
public struct StatusRequest: Sendable, Equatable {
    public init() {}
}

/// A worker as the coordinator sees it.
public struct MemberStatus: Sendable, Equatable {
    /// What it is doing, or what is wrong with it.
    public enum State: UInt32, Sendable, CaseIterable {
        /// It loads the base and builds the model.
        case building = 1
        /// It waits for the state, which it gets between two steps.
        case waiting = 2
        /// The state is on its way to it.
        case loading = 3
        case active = 4
        /// It takes part, and needs much longer than the others.
        case slow = 5
        /// It takes part, and was not heard of for longer than between heartbeats.
        case silent = 6
        /// It was given up.
        case lost = 7
        /// It has not registered yet: it fetches the base.
        case fetching = 8
    }
    /// 0 before it has registered.
    public var id: UInt32
    public var host: String
    public var processID: UInt32
    /// Micro-batches it computes at once.
    public var threadCount: UInt32
    public var state: State
    /// How long it has been in this state.
    public var seconds: Double
    /// Micro-batches a second, measured; 0 before the first.
    public var leavesPerSecond: Double
    /// For people: how slow it is, why it was given up.
    public var remark: String
    /// While it fetches the base, else 0: what it has, of how much.
    public var fetchedByteCount: UInt64
    public var baseByteCount: UInt64

    public init(
        id: UInt32, host: String, processID: UInt32, threadCount: UInt32, state: State, seconds: Double,
        leavesPerSecond: Double, remark: String, fetchedByteCount: UInt64 = 0, baseByteCount: UInt64 = 0
    ) {
        self.id = id
        self.host = host
        self.processID = processID
        self.threadCount = threadCount
        self.state = state
        self.seconds = seconds
        self.leavesPerSecond = leavesPerSecond
        self.remark = remark
        self.fetchedByteCount = fetchedByteCount
        self.baseByteCount = baseByteCount
    }
}

/// How the run is doing, as the coordinator sees it.
public struct StatusReport: Sendable, Equatable {
    /// What it is doing, in a word or two.
    public var phase: String
    /// The last step that all workers applied.
    public var step: UInt64
    /// Steps of the whole run; 0 where that is not known.
    public var totalSteps: UInt64
    /// The attempt at the step under way; 0 outside of steps.
    public var generation: UInt64
    /// Of the last step: mean loss of a supervised token. This and the following are 0 before the first step of this
    /// life of the coordinator.
    public var loss: Double
    public var tokensPerSecond: Double
    /// Wall time from one commit to the next.
    public var stepSeconds: Double
    /// Sums over the workers.
    public var bytesSent: UInt64
    public var bytesReceived: UInt64
    /// Those of the run by id, those that fetch the base, then those lost lately, newest last.
    public var members: [MemberStatus]

    public init(
        phase: String, step: UInt64, totalSteps: UInt64, generation: UInt64, loss: Double,
        tokensPerSecond: Double, stepSeconds: Double, bytesSent: UInt64, bytesReceived: UInt64,
        members: [MemberStatus]
    ) {
        self.phase = phase
        self.step = step
        self.totalSteps = totalSteps
        self.generation = generation
        self.loss = loss
        self.tokensPerSecond = tokensPerSecond
        self.stepSeconds = stepSeconds
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.members = members
    }
}
