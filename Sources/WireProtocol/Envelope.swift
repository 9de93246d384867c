/// One message of the protocol: who sent it, what it belongs to, what it says, and raw payload frames.
///
/// On the wire it is one protobuf frame (header and body) followed by the payload frames. Large tensors never
/// pass through protobuf.
public struct Envelope: Sendable, Equatable {
    public var header: Header
    public var body: Body
    /// Raw frames behind the protobuf frame; their number and byte counts are declared in the body.
    public var payload: [[UInt8]]

    public init(header: Header, body: Body, payload: [[UInt8]] = []) {
        self.header = header
        self.body = body
        self.payload = payload
    }

    /// What every message carries, so that a stale one is recognised before it is looked at.
    public struct Header: Sendable, Equatable {
        /// ``ProtocolVersion/current`` of the sender.
        public var protocolVersion: UInt32
        /// Drawn once for a RUN directory; a message of another run is dropped. 0 before the welcome.
        public var runID: UInt64
        /// The coordinator's life; messages of lower terms are dropped.
        public var term: UInt64
        /// The attempt at `step`.
        public var generation: UInt64
        /// The optimizer step (from 1) this is about; 0 outside of steps.
        public var step: UInt64
        /// The worker's id (from 1); 0 is the coordinator, or a worker before its welcome.
        public var sender: UInt32

        public init(
            protocolVersion: UInt32 = ProtocolVersion.current, runID: UInt64 = 0, term: UInt64 = 0,
            generation: UInt64 = 0, step: UInt64 = 0, sender: UInt32 = 0
        ) {
            self.protocolVersion = protocolVersion
            self.runID = runID
            self.term = term
            self.generation = generation
            self.step = step
            self.sender = sender
        }
    }

    /// Every kind of message.
    public enum Body: Sendable, Equatable {
        // Worker to coordinator
        case register(Register)
        case stateLoaded(StateLoaded)
        case leafComputed(LeafComputed)
        case prepared(Prepared)
        case applied(Applied)
        case evaluated(Evaluated)
        case leave(Leave)
        case exchangeStalled(ExchangeStalled)
        case baseRequest(BaseRequest)
        case baseProgress(BaseProgress)
        // Anybody who is let in to the coordinator
        case statusRequest(StatusRequest)
        // Coordinator to worker
        case welcome(Welcome)
        case refuse(Refusal)
        case assign(Assignment)
        case commit(Commit)
        case abort(Abort)
        case evaluate(EvaluationAssignment)
        case snapshotRequest(SnapshotRequest)
        case finish(Finish)
        case baseManifest(BaseManifest)
        case baseSources(BaseSources)
        case statusReport(StatusReport)
        // Both ways
        case stateChunk(StateChunk)
        case heartbeat(Heartbeat)
        case errorReport(ErrorReport)
        case leafRelease(LeafRelease)
        // Between workers, and chunks from the coordinator
        case baseChunkRequest(BaseChunkRequest)
        case baseChunk(BaseChunk)
        // Between reducers, on the data sockets
        case partial(GradientChunk)
        case reduced(GradientChunk)
    }
}

/// The version of the conversation; both sides must speak the same one, the refusal names both.
public enum ProtocolVersion {
    /// Raised whenever a message or its meaning changes.
    public static let current: UInt32 = 3
}
