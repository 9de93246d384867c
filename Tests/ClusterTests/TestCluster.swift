import Cluster
import Coordination
import Foundation
import Synchronization
import Testing
import Training
import Transports
import WireProtocol
import ZeroMQ

/// Services of one process under test: a coordinator over a fake driver, workers over fake engines.
final class TestCluster: Sendable {
    /// How the services reach each other.
    enum Network: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case memory = "in memory"
        case ipc
        case plainTCP = "tcp --insecure"
        case curve = "tcp with CURVE"

        var testDescription: String { rawValue }
    }

    struct WaitedTooLong: Error {}

    /// What a thread comes back with, waited for with a deadline.
    final class Running<Value: Sendable>: Sendable {
        private let result = Mutex<Result<Value, any Error>?>(nil)
        private let isDone = DispatchSemaphore(value: 0)

        init(_ body: @escaping @Sendable () throws -> Value) {
            Thread.detachNewThread { [self] in
                let value = Result { try body() }
                result.withLock { $0 = value }
                isDone.signal()
            }
        }

        func wait(seconds: Double = 120) throws -> Value {
            guard isDone.wait(timeout: .now() + seconds) == .success else { throw WaitedTooLong() }
            isDone.signal()
            guard let result = result.withLock({ $0 }) else { throw WaitedTooLong() }
            return try result.get()
        }
    }

    let driver: FakeDriver
    private let network: Network
    private let isStar: Bool
    private let lostAfter: Duration
    private let memory = InMemoryNetwork()
    private let coordinatorKeys: CurveKeys
    private let workerKeys: [CurveKeys]
    private let directory: URL
    private let state = Mutex(State())

    private struct State {
        var endpoint: String?
        var workerCount = 0
        /// Cut the connections of a worker, by number, or of the coordinator (0).
        var cut: [Int: @Sendable () -> Void] = [:]
    }

    init(_ driver: FakeDriver, over network: Network, isStar: Bool = false, lostAfter: Duration = .seconds(2))
        throws
    {
        self.driver = driver
        self.network = network
        self.isStar = isStar
        self.lostAfter = lostAfter
        coordinatorKeys = try CurveKeys.generate()
        workerKeys = try (0..<8).map { _ in try CurveKeys.generate() }
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "shoal-\(UInt32.random(in: 0...UInt32.max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func startCoordinator(
        minimumWorkers: Int, driver other: FakeDriver? = nil, orphanTimeout: Duration = .seconds(2),
        skipsNonFiniteSteps: Bool = false
    ) throws -> (service: CoordinatorService, running: Running<RunEnding>) {
        let driver = other ?? driver
        var options = CoordinatorOptions(
            runID: driver.runID, term: driver.term, parameterCount: driver.parameterCount, baseDigest: "base")
        options.minimumWorkers = minimumWorkers
        options.heartbeatInterval = .milliseconds(200)
        options.lostAfter = lostAfter
        options.orphanTimeout = orphanTimeout
        options.skipsNonFiniteSteps = skipsNonFiniteSteps
        let (ledger, saved) = driver.state.withLock { ($0.ledger, $0.checkpoint?.step ?? 0) }
        options.ledgerHead = UInt64(ledger.count)
        for record in ledger where record.step > saved {
            options.ledgered[record.step] = LedgeredStep(
                generation: record.generation, gradientDigest: record.gradientDigest,
                stateDigestBefore: record.stateDigestBefore, lossSum: record.lossSum,
                wasSkipped: record.wasSkipped)
            options.lastWorkerCount = Set(record.leafWorkers).count
        }
        // A second life of the coordinator listens where the first did.
        var settings = CoordinatorService.Settings(listen: [state.withLock { $0.endpoint } ?? listen])
        settings.tickInterval = .milliseconds(50)
        settings.partingTime = .seconds(1)
        settings.isStar = isStar
        switch network {
        case .memory, .ipc: settings.security = .localOnly
        case .plainTCP: settings.security = .insecure
        case .curve:
            settings.security = .curve(keys: coordinatorKeys, workerKeys: Set(workerKeys.map(\.publicKey)))
        }
        let service = CoordinatorService(settings: settings, options: options, driver: driver) {
            [self] io, settings in
            let links: any CoordinatorLinks =
                network == .memory
                ? memory.coordinatorLinks(io, isStar: isStar)
                : try Self.sockets(io, settings)
            let (bound, loop) = (io.bind(links), io.loop)
            state.withLock { $0.cut[0] = { loop.post { io in bound(io).close() } } }
            return links
        }
        let running = Running {
            try service.run { endpoints in self.state.withLock { $0.endpoint = endpoints[0] } }
        }
        try waitUntil { self.state.withLock { $0.endpoint != nil } }
        return (service, running)
    }

    /// The sockets of a coordinator; where an earlier life's socket is still closing, as libzmq does in its own time,
    /// once it has closed.
    private static func sockets(
        _ io: IOThread, _ settings: CoordinatorService.Settings
    ) throws -> CoordinatorSockets {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return try CoordinatorSockets(io: io, settings: settings)
            } catch {
                guard "\(error)".contains("in use"), ContinuousClock.now < deadline else { throw error }
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
    }

    private var listen: String {
        switch network {
        case .memory: "memory://coordinator"
        case .ipc: "ipc://\(directory.path)/control"
        case .plainTCP, .curve: "tcp://127.0.0.1:*"
        }
    }

    /// Workers are numbered from 1 in the order in which they are started.
    ///
    /// - Parameter wrap: what stands between the worker and its sockets.
    func startWorker(
        threadCount: Int = 1, secondsPerLeaf: Double = 0, baseDigest: String = "base",
        isUnknown: Bool = false,
        wrap: @escaping @Sendable (any WorkerLinks) -> any WorkerLinks = { $0 }
    ) throws -> (service: WorkerService, running: Running<WorkerEnding>) {
        let (number, endpoint) = state.withLock { state in
            state.workerCount += 1
            return (state.workerCount, state.endpoint ?? "")
        }
        let register = Register(
            shoalVersion: "test", host: "localhost", processID: UInt32(number), baseDigest: baseDigest,
            numerics: NumericsFingerprint(blas: "b", core: "c", kernels: "k"),
            threadCount: UInt32(threadCount),
            dataEndpoint: "", publicKey: "")
        var settings = WorkerService.Settings(coordinator: endpoint, register: register)
        settings.tickInterval = .milliseconds(50)
        switch network {
        case .memory, .ipc: settings.security = .localOnly
        case .plainTCP: settings.security = .insecure
        case .curve:
            settings.security = .curve(
                keys: isUnknown ? try CurveKeys.generate() : workerKeys[number - 1],
                coordinatorKey: coordinatorKeys.publicKey)
        }
        if isUnknown { settings.orphanTimeout = .seconds(1) }
        let service = WorkerService(
            settings: settings,
            makeEngine: { _ in FakeEngine(threadCount: threadCount, secondsPerLeaf: secondsPerLeaf) },
            makeLinks: { [self] io, settings in
                let links: any WorkerLinks =
                    network == .memory
                    ? memory.workerLinks(io) : try WorkerSockets(io: io, settings: settings)
                let (bound, loop) = (io.bind(links), io.loop)
                state.withLock { $0.cut[number] = { loop.post { io in bound(io).close() } } }
                return wrap(links)
            })
        return (service, Running { try service.run() })
    }

    /// As if the process of worker `number` (0: the coordinator) had died: its connections close without a word.
    func cut(_ number: Int) { state.withLock { $0.cut[number] }?() }

    func waitUntil(_ isTrue: () -> Bool) throws {
        for _ in 0..<6000 {
            if isTrue() { return }
            Thread.sleep(seconds: 0.01)
        }
        throw WaitedTooLong()
    }
}
