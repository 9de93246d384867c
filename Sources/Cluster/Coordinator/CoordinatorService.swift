public import Coordination
import Foundation
import Synchronization
public import Training
package import Transports
import WireProtocol
import ZeroMQ

/// The coordinator: one I/O thread with the sockets and the machine, and a queue on which the driver is called.
public final class CoordinatorService: Sendable {
    /// What is fixed for the process.
    public struct Settings: Sendable {
        /// The control endpoints, `tcp://HOST:PORT` or `ipc://PATH`; a port `*` takes a free one.
        public var listen: [String]
        /// Under `collective: star` with tcp: the host that workers reach the data socket under; nil takes the
        /// one in `listen`.
        public var advertisedHost: String?
        /// Port of the data socket under `collective: star`; 0 takes a free one.
        public var dataPort = 0
        /// True for `collective: star`.
        public var isStar = false
        public var security = CoordinatorSecurity.localOnly
        /// The files of the base, for workers that lack it; without any they are told to bring it.
        public var baseFiles: [String] = []
        /// Exit status that fits an error of the driver.
        public var statusOfError: @Sendable (any Error) -> UInt32 = { _ in 70 }
        /// For the log; called on the I/O thread.
        public var log: @Sendable (String) -> Void = { _ in }
        /// Between two looks at the clock.
        public var tickInterval = Duration.milliseconds(200)
        /// How long workers may take to go once they are told that the run is over.
        public var partingTime = Duration.seconds(3)

        public init(listen: [String]) { self.listen = listen }
    }

    private let settings: Settings
    private let options: CoordinatorOptions
    private let driver: any RunDriver
    private let makeLinks: @Sendable (IOThread, Settings) throws -> any CoordinatorLinks
    private let state = Mutex<State>(State())

    private struct State {
        var loop: (events: EventLoop, coordinator: LoopBound<CoordinatorLoop>)?
        var interruption: String?
    }

    /// - Parameter options: its reducer is filled in for a star.
    public convenience init(settings: Settings, options: CoordinatorOptions, driver: any RunDriver) {
        self.init(settings: settings, options: options, driver: driver) {
            try CoordinatorSockets(io: $0, settings: $1)
        }
    }

    package init(
        settings: Settings, options: CoordinatorOptions, driver: any RunDriver,
        makeLinks: @escaping @Sendable (IOThread, Settings) throws -> any CoordinatorLinks
    ) {
        self.settings = settings
        self.options = options
        self.driver = driver
        self.makeLinks = makeLinks
    }

    /// Runs to the end of training, an interrupt or an error; blocks the calling thread.
    ///
    /// - Parameter didBind: called with the control endpoints once workers can connect.
    /// - Throws: when the sockets cannot be set up, for instance because the port is in use.
    public func run(didBind: @escaping @Sendable ([String]) -> Void = { _ in }) throws -> RunEnding {
        let events = try EventLoop(name: "coordinator-io", context: try ZMQContext())
        defer { events.stop() }
        let ending = Ending<RunEnding>()
        let driverQueue = DispatchQueue(label: "run-driver", qos: .userInitiated)
        let coordinator = try events.run { [settings, options, driver, makeLinks] io in
            let links = try makeLinks(io, settings)
            var options = options
            options.reducer = links.reducer
            let coordinator = CoordinatorLoop(
                io: io, sockets: links, settings: settings, options: options, driver: driver,
                driverQueue: driverQueue
            ) { ending.fill($0) }
            links.onControl = { [unowned coordinator] in coordinator.receiveControl($0, from: $1) }
            links.onDisconnect = { [unowned coordinator] in coordinator.didDisconnect($0) }
            links.onWritable = { [unowned coordinator] in coordinator.flush($0) }
            links.onData = { [unowned coordinator] in coordinator.receive($0) }
            didBind(links.controlEndpoints)
            coordinator.begin()
            return io.bind(coordinator)
        }
        let interruption = state.withLock { state in
            state.loop = (events, coordinator)
            return state.interruption
        }
        if let interruption { interrupt(reason: interruption) }
        defer { state.withLock { $0.loop = nil } }
        let result = ending.wait()
        // Events recorded last.
        driverQueue.sync {}
        // A connection that closes takes what its worker has not read yet with it, so the workers close first.
        let deadline = ContinuousClock.now + settings.partingTime
        while ContinuousClock.now < deadline,
            (try? events.run { io in coordinator(io).hasConnections }) == true
        {
            Thread.sleep(forTimeInterval: 0.02)
        }
        _ = try? events.run(timeout: .seconds(5)) { io in coordinator(io).close() }
        return result
    }

    /// Stops at the last applied step, saves it, and ends ``run(didBind:)``; from any thread, also before `run`.
    public func interrupt(reason: String) {
        let loop = state.withLock { state in
            state.interruption = reason
            return state.loop
        }
        guard let (events, coordinator) = loop else { return }
        events.post { io in coordinator(io).handle(.interrupt(reason: reason)) }
    }
}
