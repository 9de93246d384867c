import FaultPoints
public import Foundation
public import Logging
import Synchronization

/// The worker processes that `shoal train` or a lab starts on this machine.
///
/// A worker that dies is started again after a pause; one that says that it cannot work (exit 64, 65, 69) is
/// not, since it would say so again. `stop()` leaves no process behind.
public final class LocalWorkers: Sendable {
    /// Starts of one worker within a run before it is given up.
    public static let maximumStarts = 6

    private struct State {
        var processes: [Int: Process] = [:]
        var starts: [Int: Int] = [:]
        var isStopping = false
    }

    private let executable: URL
    private let arguments: @Sendable (Int) -> [String]
    private let environment: [String: String]
    private let errors: FileHandle?
    private let count: Int
    private let log: Logger
    private let whenNoneRemain: @Sendable (Int32) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - executable: The `shoal` to run.
    ///   - arguments: What the worker of an index, from 0, is given.
    ///   - environment: Added to this process's environment.
    ///   - errors: Gets their stdout and stderr; nil: this process's.
    ///   - whenNoneRemain: Called (on any thread) with the last exit status when the last worker has ended and
    ///     none will be started again.
    public init(
        executable: URL, count: Int, arguments: @escaping @Sendable (Int) -> [String],
        environment: [String: String], errors: FileHandle? = nil, log: Logger,
        whenNoneRemain: @escaping @Sendable (Int32) -> Void
    ) {
        self.executable = executable
        self.count = count
        self.arguments = arguments
        self.environment = environment
        self.errors = errors
        self.log = log
        self.whenNoneRemain = whenNoneRemain
    }

    /// Starts all of them.
    ///
    /// - Throws: when the executable cannot be started.
    public func start() throws {
        for index in 0..<count { try start(index) }
    }

    /// Asks all to end, waits up to `grace`, then kills those that remain.
    public func stop(grace: TimeInterval = 3) {
        let processes = state.withLock { state -> [Process] in
            state.isStopping = true
            return Array(state.processes.values)
        }
        for process in processes where process.isRunning { process.terminate() }
        let deadline = Date(timeIntervalSinceNow: grace)
        while processes.contains(where: \.isRunning), Date() < deadline {
            Thread.sleep(forTimeInterval: 0.02)
        }
        for process in processes where process.isRunning { kill(process.processIdentifier, SIGKILL) }
        for process in processes { process.waitUntilExit() }
    }

    /// Process ids of those running, for messages and tests.
    public var processIdentifiers: [Int32] {
        state.withLock { $0.processes.values.filter(\.isRunning).map(\.processIdentifier).sorted() }
    }

    private func start(_ index: Int) throws {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments(index)
        // A fault is meant for one process.
        process.environment = ProcessInfo.processInfo.environment.filter {
            $0.key != Fault.environmentVariable
        }
        .merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        if let errors {
            process.standardOutput = errors
            process.standardError = errors
        }
        process.terminationHandler = { [weak self] ended in
            self?.ended(
                index, status: ended.terminationStatus, bySignal: ended.terminationReason == .uncaughtSignal)
        }
        try state.withLock { state in
            guard !state.isStopping else { return }
            try process.run()
            state.processes[index] = process
            state.starts[index, default: 0] += 1
        }
    }

    private func ended(_ index: Int, status: Int32, bySignal: Bool) {
        let cannotWork = !bySignal && [0, 64, 65, 69].contains(status)
        let (again, noneRemain) = state.withLock { state -> (Bool, Bool) in
            if state.isStopping { return (false, false) }
            if !cannotWork, state.starts[index, default: 0] < Self.maximumStarts { return (true, false) }
            state.processes[index] = nil
            return (false, state.processes.isEmpty)
        }
        if again {
            log.warning(
                "a local worker ended; starting it again",
                metadata: ["worker": "\(index + 1)", bySignal ? "signal" : "status": "\(status)"])
            DispatchQueue.global().asyncAfter(deadline: .now() + 1) { [weak self] in
                guard let self else { return }
                do { try self.start(index) } catch {
                    self.log.error("a local worker could not be started", metadata: ["error": "\(error)"])
                }
            }
        } else if noneRemain {
            whenNoneRemain(bySignal ? 128 + status : status)
        }
    }
}
