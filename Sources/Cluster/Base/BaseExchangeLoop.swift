import Coordination
import DurableFiles
import FaultPoints
import Transports
import WireProtocol
import ZeroMQ

/// A worker's part in fetching and giving the base, on a thread of its own: feeds the machine, checks and writes what comes.
final class BaseExchangeLoop {
    private let io: IOThread
    private let settings: BaseExchange.Settings
    private let control: ControlClient
    private let server: BaseServer
    private let didReceiveManifest: (Result<BaseManifest, any Error>) -> Void
    private let didComplete: (Result<String, any Error>) -> Void
    private let start = ContinuousClock.now
    private var store: FetchedBase?
    private var fetch: BaseFetch?
    private var links: [UInt32: ControlClient] = [:]
    private var hasEnded = false
    /// Why the coordinator does not answer, and since when.
    private var trouble = "nobody answers there; is it running?"
    private var silentSince: Duration? = .zero
    private var nextNote = Duration.seconds(2)

    init(
        _ io: IOThread, settings: BaseExchange.Settings,
        didReceiveManifest: @escaping (Result<BaseManifest, any Error>) -> Void,
        didComplete: @escaping (Result<String, any Error>) -> Void
    ) throws {
        self.io = io
        self.settings = settings
        self.didReceiveManifest = didReceiveManifest
        self.didComplete = didComplete
        server = try BaseServer(io, settings: settings)
        control = try ControlClient(
            io, endpoint: settings.coordinator, security: settings.security.ofControl)
        control.onMessage = { [weak self] in self?.take($0) }
        control.onMalformed = { [weak self] error in
            if error.code == .version { self?.fail(ClusterError(.unreachable, error.message)) }
        }
        control.onConnection = { [weak self] in self?.didChange($0) }
        server.read = { [weak self] in self?.read($0) }
        tick()
    }

    private var now: Duration { start.duration(to: .now) }

    /// Fetches what `held` lacks, and gives others what is here.
    func begin(_ store: FetchedBase, held: ChunkSet) {
        guard !hasEnded else { return }
        self.store = store
        fetch = BaseFetch(held: held, chunkByteCount: Int(store.chunks.manifest.chunkByteCount))
        let megabytes = store.chunks.byteCount / 1_000_000
        if !settings.givenFiles.isEmpty {
            settings.log("others can get the base from here: \(megabytes) MB")
        } else if held.isFull {
            settings.log("the base is in the cache: \(megabytes) MB")
        } else {
            settings.log(
                "fetching the base, \(megabytes) MB in \(held.chunkCount) chunks; \(held.count) are in the cache"
            )
        }
        if let actions = fetch?.didConnect() { perform(actions) }
    }

    func close() {
        hasEnded = true
        for link in links.values { link.close(linger: .zero) }
        links.removeAll()
        server.close()
        control.close(linger: .zero)
    }

    func disown() throws {
        try store?.disown()
        store = nil
    }

    private func fail(_ error: any Error) {
        didReceiveManifest(.failure(error))
        didComplete(.failure(error))
        if fetch?.held.isFull != true { close() }
    }

    // MARK: - The coordinator

    private func didChange(_ event: ControlClient.ConnectionEvent) {
        switch event {
        case .established:
            silentSince = nil
            if let actions = fetch?.didConnect() {
                perform(actions)
            } else {
                askForManifest()
            }
        case .denied:
            trouble = "it does not admit this worker's key; are these keys of its --keys directory?"
            silentSince = silentSince ?? now
        case .handshakeFailed:
            trouble = "whoever answers there is no coordinator, or uses other keys"
            silentSince = silentSince ?? now
        case .disconnected:
            trouble = "the connection broke"
            silentSince = silentSince ?? now
        case .retrying: silentSince = silentSince ?? now
        }
    }

    private func take(_ envelope: Envelope) {
        guard !hasEnded else { return }
        switch envelope.body {
        case .baseManifest(let manifest):
            if let store, BaseChunks(manifest).digest != store.chunks.digest {
                return fail(
                    ClusterError(
                        .badState, "the coordinator has another base than before; start this worker again"))
            }
            if let actions = fetch?.didConnect() { perform(actions) }
            didReceiveManifest(.success(manifest))
        case .baseRequest:
            // It has started again and does not know yet what its base is made of.
            askForManifest()
        case .baseSources(let sources): if let actions = fetch?.take(sources, now: now) { perform(actions) }
        case .baseChunk(let chunk): take(chunk, envelope.payload, from: BaseDistribution.coordinatorID)
        case .finish(let finish):
            fail(ClusterError(.unreachable, "the run ended before the base was here: \(finish.reason)"))
        case .refuse(let refusal): fail(ClusterError(.unreachable, refusal.message))
        case .errorReport(let report): fail(ClusterError(.badState, report.message))
        default: break
        }
    }

    /// Asks what the base is made of.
    private func askForManifest() {
        let request = BaseRequest(gives: !settings.givenFiles.isEmpty)
        _ = control.send(Envelope(header: Envelope.Header(), body: .baseRequest(request)))
    }

    private func tick() {
        guard !hasEnded else { return }
        io.schedule(after: .milliseconds(200)) { [weak self] in self?.tick() }
        if let actions = fetch?.tick(now: now) { perform(actions) }
        guard fetch?.held.isFull != true else { return }
        if let since = silentSince, now - since > settings.orphanTimeout {
            let seconds = settings.orphanTimeout.components.seconds
            fail(
                ClusterError(
                    .unreachable,
                    "no base: nothing was heard of the coordinator at \(settings.coordinator) for \(seconds) s: "
                        + trouble))
        } else if now > nextNote, let fetch {
            nextNote = now + .seconds(2)
            settings.log("fetching the base: \(fetch.held.count) of \(fetch.held.chunkCount) chunks are here")
        }
    }

    // MARK: - Chunks

    private func take(_ chunk: BaseChunk, _ payload: [[UInt8]], from source: UInt32) {
        let index = Int(chunk.chunk)
        guard let store, let bytes = payload.first, let fetch, fetch.wants(index, from: source) else {
            return
        }
        let isCoordinator = source == BaseDistribution.coordinatorID
        guard store.chunks.matches(bytes, chunk: index) else {
            if isCoordinator {
                return fail(
                    ClusterError(
                        .badState,
                        "chunk \(index) of the base came from the coordinator with other bytes than it announced; have its "
                            + "files changed since the run began?"))
            }
            return failed(source, bytes.isEmpty ? .notHeld : .wrongBytes, chunk: index)
        }
        do {
            try store.write(bytes, chunk: index)
        } catch {
            return fail(error)
        }
        FaultPoint.baseChunk.pass()
        if let actions = self.fetch?.didStore(index, from: source, now: now) { perform(actions) }
    }

    private func failed(_ source: UInt32, _ kind: BaseFault.Kind, chunk: Int? = nil) {
        if let actions = fetch?.didFail(source, kind, chunk: chunk) { perform(actions) }
    }

    private func perform(_ actions: [BaseFetch.Action]) {
        for action in actions {
            switch action {
            case .ask(let source, let chunk): ask(source, for: chunk)
            case .leave(let source): links.removeValue(forKey: source)?.close(linger: .zero)
            case .report(let held, let faults):
                let progress = BaseProgress(
                    manifestDigest: store?.chunks.digest.bytes ?? [], endpoint: server.advertisedEndpoint,
                    publicKey: server.publicKey, held: held, faults: faults, host: settings.host,
                    processID: settings.processID)
                _ = control.send(Envelope(header: Envelope.Header(), body: .baseProgress(progress)))
            case .fault(let fault, let endpoint):
                settings.log(
                    "the worker at \(endpoint) \(fault.kind.text) (chunk \(fault.chunk) of the base): it is left"
                )
            case .completed: complete()
            }
        }
    }

    private func ask(_ source: BaseSource, for chunk: Int) {
        if links[source.id] == nil {
            guard Endpoint.isUsable(source.endpoint),
                let security = try? server.security(towards: source.publicKey),
                let link = try? ControlClient(io, endpoint: source.endpoint, security: security)
            else { return failed(source.id, .unreachable) }
            let id = source.id
            link.onMessage = { [weak self] envelope in
                if case .baseChunk(let chunk) = envelope.body {
                    self?.take(chunk, envelope.payload, from: id)
                }
            }
            link.onConnection = { [weak self] event in
                if event != .established { self?.failed(id, .unreachable) }
            }
            links[id] = link
        }
        let request = BaseChunkRequest(chunk: UInt32(chunk))
        _ = links[source.id]?.send(Envelope(header: Envelope.Header(), body: .baseChunkRequest(request)))
    }

    /// A chunk for another worker; nil where it is not here.
    private func read(_ chunk: Int) -> [UInt8]? {
        guard fetch?.held.contains(chunk) == true else { return nil }
        return try? store?.read(chunk)
    }

    private func complete() {
        guard let fetch else { return }
        do {
            try store?.publish()
        } catch {
            return fail(error)
        }
        if fetch.countFromCoordinator + fetch.countFromWorkers > 0 {
            settings.log(
                "the base is here: \(fetch.countFromCoordinator) chunks from the coordinator, "
                    + "\(fetch.countFromWorkers) from other workers")
        }
        didComplete(.success(store?.path ?? ""))
    }
}
