import ArgumentParser
import Cluster
import Coordination
import Dispatch
import Foundation
import Glibc
import Synchronization
import Training
import Transports
import WireProtocol
import ZeroMQ

/// The coordinator under many workers that only talk: its own processor time, and how long a step takes.
struct CoordinatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Load the coordinator with workers that speak the protocol and compute nothing.",
        discussion: """
            Workers are real worker machines over real control connections, all in a process of their own; only \
            the exchange between them is left out. Benchmarks/run pins them all to one core.

            Example:
              Benchmarks/run coordinator --workers 256
            """)

    @Option(help: "Workers.") var workers = 256
    @Option(help: "Elements of the adapter; 262,144 are one MiB.") var floats = 262_144
    @Option(help: "Steps; the first two are not counted.") var steps = 22
    @Option(help: .hidden) var connect: String?

    func run() throws {
        if let connect { return try runWorkers(connect) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shoal-bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let address = "ipc://\(folder.path)/control"
        let driver = BenchmarkDriver(
            parameterCount: floats, stepCount: UInt64(steps), microBatchCount: max(workers, 8))
        var options = CoordinatorOptions(
            runID: driver.runID, term: driver.term, parameterCount: floats, baseDigest: "benchmark")
        options.minimumWorkers = workers
        options.lostAfter = .seconds(30)
        let service = CoordinatorService(
            settings: CoordinatorService.Settings(listen: [address]), options: options, driver: driver)
        let peers = Process()
        peers.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        peers.arguments =
            ["coordinator", "--workers", "\(workers)", "--floats", "\(floats)", "--connect", address]
        let usage = Mutex<(Double, Int)?>(nil)
        let sampler = DispatchSource.makeTimerSource(queue: .global())
        sampler.schedule(deadline: .now(), repeating: .milliseconds(5))
        sampler.setEventHandler {
            let count = driver.outcomes.count
            usage.withLock { if $0 == nil, count >= 2 { $0 = (Self.processorSeconds(), count) } }
        }
        sampler.resume()
        let ending = try service.run(didBind: { _ in try? peers.run() })
        sampler.cancel()
        guard case .completed = ending else { throw ExitCode.failure }
        let seconds = Timing(seconds: driver.outcomes.dropFirst(2).map(\.stepSeconds))
        var line =
            "\(workers) workers, \(floats * 4) bytes of adapter: a step in \(decimal(seconds.median * 1e3)) ms "
        line += "(minimum \(decimal(seconds.minimum * 1e3)), p90 \(decimal(seconds.ninetieth * 1e3)))"
        if let (start, count) = usage.withLock({ $0 }) {
            let share = (Self.processorSeconds() - start) / Double(max(driver.outcomes.count - count, 1))
            line += ", coordinator's processor \(decimal(share * 1e3, 2)) ms a step"
        }
        print(line)
        peers.waitUntilExit()
    }

    /// Of this process, all threads together.
    private static func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

    /// All workers on one I/O thread.
    private func runWorkers(_ address: String) throws {
        let events = try EventLoop(name: "workers", context: try ZMQContext())
        let isDone = DispatchSemaphore(value: 0)
        let count = workers
        let floats = floats
        let remaining = Mutex(count)
        _ = try events.run(timeout: .seconds(60)) { io in
            let all = try (0..<count).map { _ in
                try TalkingWorker(io: io, address: address, parameterCount: floats) {
                    let left = remaining.withLock { value in
                        value -= 1
                        return value
                    }
                    if left == 0 { isDone.signal() }
                }
            }
            for worker in all { worker.begin() }
        }
        isDone.wait()
        events.stop()
    }
}

/// A worker's machine with a control connection, and at once whatever it asks for.
final class TalkingWorker {
    private let io: IOThread
    private let control: ControlClient
    private var machine: WorkerMachine
    private let parameterCount: Int
    private let didEnd: () -> Void
    private let start = ContinuousClock.now
    private var stateDigest: [UInt8] = []
    private var reduction: (plan: Plan, ticket: WorkTicket)?
    private var missing = 0
    /// Keeps itself until the run is over.
    private var myself: TalkingWorker?

    init(io: IOThread, address: String, parameterCount: Int, didEnd: @escaping () -> Void) throws {
        self.io = io
        self.parameterCount = parameterCount
        self.didEnd = didEnd
        control = try ControlClient(io, endpoint: address, security: .localOnly)
        machine = WorkerMachine(
            options: .init(
                register: Register(
                    shoalVersion: ShoalVersion.current, host: "benchmark", processID: 1,
                    baseDigest: "benchmark",
                    numerics: NumericsFingerprint(blas: "none", core: "none", kernels: "none"),
                    threadCount: 1,
                    dataEndpoint: "ipc:///dev/null", publicKey: "")))
        control.onMessage = { [unowned self] in handle(.received($0)) }
        myself = self
    }

    func begin() {
        perform(machine.start(now: start.duration(to: .now)))
        tick()
    }

    private func tick() {
        guard !machine.hasEnded else { return }
        handle(.tick)
        io.schedule(after: .milliseconds(500)) { [weak self] in self?.tick() }
    }

    private func handle(_ event: WorkerMachine.Event) {
        perform(machine.handle(event, now: start.duration(to: .now)))
    }

    private func perform(_ actions: [WorkerMachine.Action]) { for action in actions { perform(action) } }

    private func perform(_ action: WorkerMachine.Action) {
        switch action {
        case .send(let envelope): _ = control.send(envelope)
        case .buildEngine: handle(.engineBuilt(parameterCount: parameterCount))
        case .storeStateChunk(let chunk, _): stateDigest = chunk.stateDigest
        case .installState(let step, _): handle(.stateInstalled(step: step, digest: stateDigest))
        case .beginStep: missing = 0
        case .compute(let leaf, _, let ticket):
            missing += 1
            io.schedule(after: .zero) { [weak self] in self?.didCompute(leaf: leaf, ticket: ticket) }
        case .beginReduction(let plan, let ticket):
            reduction = (plan, ticket)
            reduceIfComputed()
        case .apply(_, let ticket):
            handle(.applied(Applied(stateDigest: Array(repeating: 7, count: 32), gradientNorm: 1), ticket))
        case .ended:
            control.close()
            didEnd()
            myself = nil
        default: break
        }
    }

    private func didCompute(leaf: UInt32, ticket: WorkTicket) {
        missing -= 1
        handle(
            .computed(
                LeafComputed(leaf: leaf, lossSum: 1, tokenCount: 1, seconds: 1e-3, isFinite: true), ticket))
        reduceIfComputed()
    }

    private func reduceIfComputed() {
        guard missing == 0, let (_, ticket) = reduction else { return }
        reduction = nil
        handle(
            .reduced(
                Prepared(
                    gradientDigest: Array(repeating: 9, count: 32), computeSeconds: 0, reduceSeconds: 0,
                    exposedReduceSeconds: 0, bytesSent: 0, bytesReceived: 0, peakResidentBytes: 0), ticket))
    }
}
