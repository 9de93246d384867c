public import Coordination
import Dispatch
import Synchronization
public import Training
package import Transports
public import WireProtocol
import ZeroMQ

/// A worker: one I/O thread with the sockets and the machine, the engine's compute threads, and a queue that adds.
public final class WorkerService: Sendable {
    /// What is fixed for the process.
    public struct Settings: Sendable {
        /// The coordinator's control endpoint, `tcp://HOST:PORT` or `ipc://PATH`.
        public var coordinator: String
        /// Address the data socket binds under tcp (`--bind`); nil binds what is advertised, or everything when
        /// that was given.
        public var bindAddress: String?
        /// Host that peers reach the data socket under; nil finds out from the way to the coordinator.
        public var advertisedHost: String?
        /// Port of the data socket; 0 takes a free one.
        public var dataPort = 0
        public var security = WorkerSecurity.localOnly
        /// What it registers with; data endpoint and key are filled in.
        public var register: Register
        /// `--orphan-timeout`; nil takes what the coordinator says.
        public var orphanTimeout: Duration?
        /// Exit status that fits an error of the engine.
        public var statusOfError: @Sendable (any Error) -> UInt32 = { _ in 70 }
        /// For the log; called on the I/O thread.
        public var log: @Sendable (String) -> Void = { _ in }
        /// Between two looks at the clock.
        public var tickInterval = Duration.milliseconds(200)

        public init(coordinator: String, register: Register) {
            self.coordinator = coordinator
            self.register = register
        }
    }

    private let settings: Settings
    private let makeEngine: @Sendable (Welcome) throws -> any WorkerEngine
    private let makeLinks: @Sendable (IOThread, Settings) throws -> any WorkerLinks
    private let loop = Mutex<(events: EventLoop, worker: LoopBound<WorkerLoop>)?>(nil)

    /// - Parameter makeEngine: builds model and threads from the run's configuration; called off the I/O thread.
    public convenience init(
        settings: Settings, makeEngine: @escaping @Sendable (Welcome) throws -> any WorkerEngine
    ) {
        self.init(settings: settings, makeEngine: makeEngine) { try WorkerSockets(io: $0, settings: $1) }
    }

    package init(
        settings: Settings, makeEngine: @escaping @Sendable (Welcome) throws -> any WorkerEngine,
        makeLinks: @escaping @Sendable (IOThread, Settings) throws -> any WorkerLinks
    ) {
        self.settings = settings
        self.makeEngine = makeEngine
        self.makeLinks = makeLinks
    }

    /// Takes part until the run is over or this worker cannot go on; blocks the calling thread.
    ///
    /// - Throws: when the sockets cannot be set up.
    public func run() throws -> WorkerEnding {
        let events = try EventLoop(name: "worker-io", context: try ZMQContext())
        defer { events.stop() }
        let ending = Ending<WorkerEnding>()
        let worker = try events.run { [settings, makeEngine, makeLinks] io in
            let links = try makeLinks(io, settings)
            let worker = WorkerLoop(io: io, sockets: links, settings: settings, makeEngine: makeEngine) {
                ending.fill($0)
            }
            links.onControl = { [unowned worker] in worker.handle(.received($0)) }
            links.onVersionDiffers = { [unowned worker] in worker.handle(.versionDiffers(message: $0)) }
            links.onWritable = { [unowned worker] in worker.sendState() }
            links.onData = { [unowned worker] in worker.receive($0) }
            worker.begin()
            return io.bind(worker)
        }
        loop.withLock { $0 = (events, worker) }
        defer { loop.withLock { $0 = nil } }
        let result = ending.wait()
        // What was said last is to be delivered, if anybody is there to hear it.
        _ = try? events.run(timeout: .seconds(3)) { io in worker(io).close() }
        return result
    }

    /// Says goodbye to the coordinator and ends ``run()``; from any thread.
    public func terminate(reason: String) {
        guard let (loop, worker) = loop.withLock({ $0 }) else { return }
        loop.post { io in worker(io).handle(.terminate(reason: reason)) }
    }
}

/// One value that the I/O thread fills and another thread waits for.
final class Ending<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isFilled = DispatchSemaphore(value: 0)

    func fill(_ value: Value) {
        let isFirst = self.value.withLock { stored in
            guard stored == nil else { return false }
            stored = value
            return true
        }
        if isFirst { isFilled.signal() }
    }

    func wait() -> Value {
        while true {
            isFilled.wait()
            if let value = value.withLock({ $0 }) { return value }
        }
    }
}
