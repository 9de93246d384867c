public import Bases
import Coordination
import Foundation
import Transports
import WireProtocol
import ZeroMQ

/// Fetches the run's base for a worker that has none, and gives it to other workers from then on; for a worker that has it, gives
/// it alone. It has a thread and sockets of its own, so that nothing of the run waits behind the base.
public final class BaseExchange: Sendable {
    /// What is fixed for the process.
    public struct Settings: Sendable {
        /// The coordinator's control endpoint, `tcp://HOST:PORT` or `ipc://PATH`.
        public var coordinator: String
        public var security = WorkerSecurity.localOnly
        /// Address that the socket for other workers binds under tcp; nil binds what is advertised.
        public var bindAddress: String?
        /// Host that others reach it under; nil finds out from the way to the coordinator.
        public var advertisedHost: String?
        /// Port of that socket; 0 takes a free one.
        public var port = 0
        public var cache: CacheStore
        /// What those who look at the run see of this worker while it fetches.
        public var host = ""
        public var processID: UInt32 = 0
        /// The files of a base that is here anyway, for others; empty where it is to be fetched.
        public var givenFiles: [String] = []
        /// How long the coordinator may be away.
        public var orphanTimeout = Duration.seconds(600)
        public var log: @Sendable (String) -> Void = { _ in }

        public init(coordinator: String, cache: CacheStore = .standard()) {
            self.coordinator = coordinator
            self.cache = cache
        }
    }

    private let settings: Settings
    private let events: EventLoop
    private let exchange: LoopBound<BaseExchangeLoop>
    private let manifest = Ending<Result<BaseManifest, any Error>>()
    private let completion = Ending<Result<String, any Error>>()

    /// Begins to connect.
    ///
    /// - Throws: `TransportError` or ``ClusterError``, naming the address that cannot be used.
    public init(_ settings: Settings) throws {
        self.settings = settings
        events = try EventLoop(name: "base-io", context: try ZMQContext())
        do {
            exchange = try events.run { [manifest, completion] io in
                let loop = try BaseExchangeLoop(
                    io, settings: settings, didReceiveManifest: { manifest.fill($0) },
                    didComplete: { completion.fill($0) })
                return io.bind(loop)
            }
        } catch {
            events.stop()
            throw error
        }
    }

    /// Waits until the base is whole in the cache; blocks the calling thread.
    ///
    /// - Returns: its folder, and the digest that the coordinator's base has.
    /// - Throws: ``ClusterError`` with code `.unreachable` when the coordinator is away for too long or the run ends, `.badState`
    ///   when bytes are not those of the manifest; `DurableFileError` when the disk is full.
    public func fetch() throws -> (path: String, baseDigest: String) {
        let manifest = try manifest.wait().get()
        let store = try FetchedBase(manifest, cache: settings.cache, log: settings.log)
        let held = try store.held()
        events.post { [exchange] io in exchange(io).begin(store, held: held) }
        return (try completion.wait().get(), manifest.baseDigest)
    }

    /// Gives others the base of ``Settings/givenFiles``, as soon as one of them lacks it, on a thread of its own. Where its files are not
    /// those of the coordinator, byte for byte, it gives nothing.
    public func give() {
        let thread = Thread { [settings, events, exchange, manifest] in
            guard let manifest = try? manifest.wait().get() else { return }
            guard let store = FetchedBase(manifest, files: settings.givenFiles) else {
                return settings.log(
                    "others get the base elsewhere: the coordinator's lies in other files than this one")
            }
            let all = ChunkSet(chunkCount: store.chunks.chunkCount, isFull: true)
            events.post { io in exchange(io).begin(store, held: all) }
        }
        thread.name = "base-compare"
        thread.qualityOfService = .utility
        thread.start()
    }

    /// Takes a base out of use that is in the cache and has another digest than it should: the next fetch compares all of it with
    /// the manifest, and mends it.
    public func disown() throws {
        try events.run { [exchange] io in try exchange(io).disown() }
    }

    /// Ends fetching and giving.
    public func close() {
        manifest.fill(.failure(ClusterError(.unreachable, "the exchange of the base is closed")))
        events.post { [exchange] io in exchange(io).close() }
        events.stop()
    }
}
