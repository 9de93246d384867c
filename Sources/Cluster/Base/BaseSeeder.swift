import Coordination
import Dispatch
import DurableFiles
import Transports
import WireProtocol

/// The coordinator's part in giving the base to workers that lack it, on its I/O thread; files are read elsewhere.
final class BaseSeeder {
    private let io: IOThread
    private let sockets: any CoordinatorLinks
    private let files: [String]
    private let baseDigest: String
    private let record: (String, [String: String]) -> Void
    private let log: @Sendable (String) -> Void
    private let queue = DispatchQueue(label: "base-files", qos: .utility)
    private let start = ContinuousClock.now
    private var supply: BaseSupply?
    private var distribution: BaseDistribution?
    private var isPreparing = false
    /// Those that asked before the digests were taken.
    private var waiting: Set<ConnectionID> = []
    /// Those that have the base anyway, until somebody lacks it.
    private var giving: Set<ConnectionID> = []
    /// All that asked.
    private var connections: Set<ConnectionID> = []
    /// Chunks for one whose queue is full.
    private var unsent: [ConnectionID: [Envelope]] = [:]
    /// Why nothing is given any more.
    private var ending: Finish?
    private lazy var bound = io.bind(self)

    /// - Parameters:
    ///   - files: of the base; empty where this coordinator gives none.
    ///   - record: for the run's events.
    init(
        io: IOThread, sockets: any CoordinatorLinks, files: [String], baseDigest: String,
        log: @escaping @Sendable (String) -> Void, record: @escaping (String, [String: String]) -> Void
    ) {
        self.io = io
        self.sockets = sockets
        self.files = files
        self.baseDigest = baseDigest
        self.log = log
        self.record = record
    }

    /// Takes a message when it is about the base's files.
    ///
    /// - Returns: false for all others.
    func take(_ envelope: Envelope, from connection: ConnectionID) -> Bool {
        switch envelope.body {
        case .baseRequest, .baseProgress:
            if let ending {
                send(.finish(ending), to: connection)
                return true
            }
        default: return false
        }
        switch envelope.body {
        case .baseRequest(let request): didAsk(connection, gives: request.gives)
        case .baseProgress(let progress): take(progress, from: connection)
        default: break
        }
        return true
    }

    func disconnect(_ connection: ConnectionID) {
        waiting.remove(connection)
        giving.remove(connection)
        connections.remove(connection)
        unsent[connection] = nil
        if let actions = distribution?.disconnect(connection, now: now) { perform(actions) }
    }

    /// Workers that fetch the base, for who looks at the run.
    var fetching: [MemberStatus] {
        guard let supply else { return [] }
        return distribution?.fetching(byteCount: UInt64(supply.chunks.byteCount), now: now) ?? []
    }

    func tick() {
        if let actions = distribution?.tick(now: now) { perform(actions) }
    }

    /// Tells those that fetch, or give to others, that the run is over.
    func end(reason: String) {
        ending = Finish(reason: reason)
        for connection in connections { send(.finish(Finish(reason: reason)), to: connection) }
    }

    /// Goes on where the queue to a worker was full.
    func flush(_ connection: ConnectionID) {
        guard let envelopes = unsent.removeValue(forKey: connection) else { return }
        for envelope in envelopes { send(envelope, to: connection) }
    }

    private var now: Duration { start.duration(to: .now) }

    // MARK: - The manifest

    private func didAsk(_ connection: ConnectionID, gives: Bool) {
        connections.insert(connection)
        if let supply { return send(.baseManifest(supply.chunks.manifest), to: connection) }
        guard !gives else {
            giving.insert(connection)
            return
        }
        guard !files.isEmpty else {
            return send(
                .errorReport(
                    ErrorReport(
                        code: 69, message: "this coordinator gives its base to nobody; give --base PATH")),
                to: connection)
        }
        waiting.insert(connection)
        guard !isPreparing else { return }
        isPreparing = true
        let bound = bound
        let loop = io.loop
        queue.async { [files, baseDigest] in
            let result = Result { try BaseSupply(paths: files, baseDigest: baseDigest) }
            loop.post { io in bound(io).didPrepare(result) }
        }
    }

    private func didPrepare(_ result: Result<BaseSupply, any Error>) {
        isPreparing = false
        let asking = waiting
        waiting.removeAll()
        switch result {
        case .success(let supply):
            self.supply = supply
            distribution = BaseDistribution(
                chunkCount: supply.chunks.chunkCount,
                chunkByteCount: Int(supply.chunks.manifest.chunkByteCount))
            for connection in asking.union(giving) {
                send(.baseManifest(supply.chunks.manifest), to: connection)
            }
            giving.removeAll()
        case .failure(let error):
            record("warning", ["message": "workers cannot get the base from here: \(error)"])
            for connection in asking {
                send(
                    .errorReport(ErrorReport(code: 74, message: "the coordinator: \(error)")), to: connection)
            }
        }
    }

    // MARK: - Chunks

    private func take(_ progress: BaseProgress, from connection: ConnectionID) {
        connections.insert(connection)
        let isUsable = progress.endpoint.isEmpty || Endpoint.isUsable(progress.endpoint)
        guard let supply, isUsable, progress.manifestDigest == supply.chunks.digest.bytes,
            let actions = distribution?.handle(progress, from: connection, now: now)
        else {
            // Of an earlier life of the coordinator, or of another run.
            return send(.baseRequest(BaseRequest()), to: connection)
        }
        perform(actions)
    }

    private func perform(_ actions: [BaseDistribution.Action]) {
        for action in actions {
            switch action {
            case .sendChunk(let chunk, let connection): sendChunk(chunk, to: connection)
            case .sendSources(let sources, let connection): send(.baseSources(sources), to: connection)
            case .record(let event, let details): record(event, details)
            }
        }
    }

    private func sendChunk(_ chunk: Int, to connection: ConnectionID) {
        guard let supply else { return }
        let bound = bound
        let loop = io.loop
        queue.async {
            let result = Result { try supply.read(chunk) }
            loop.post { io in bound(io).didRead(result, chunk: chunk, for: connection) }
        }
    }

    private func didRead(_ result: Result<[UInt8], any Error>, chunk: Int, for connection: ConnectionID) {
        guard connections.contains(connection) else { return }
        switch result {
        case .success(let bytes):
            let body = BaseChunk(chunk: UInt32(chunk), byteCount: UInt32(bytes.count))
            send(
                Envelope(header: Envelope.Header(), body: .baseChunk(body), payload: [bytes]), to: connection)
        case .failure(let error):
            log("the base cannot be read: \(error)")
            send(.errorReport(ErrorReport(code: 74, message: "the coordinator: \(error)")), to: connection)
        }
    }

    private func send(_ body: Envelope.Body, to connection: ConnectionID) {
        send(Envelope(header: Envelope.Header(), body: body), to: connection)
    }

    private func send(_ envelope: Envelope, to connection: ConnectionID) {
        guard unsent[connection] == nil || !envelope.body.isBulk else {
            unsent[connection]?.append(envelope)
            return
        }
        if !sockets.sendControl(envelope, to: connection) { unsent[connection, default: []].append(envelope) }
    }
}
