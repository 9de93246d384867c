import FaultPoints
import Foundation
import Glibc
import Synchronization

/// A process that this command starts, waits for and ends.
final class ChildProcess: Sendable {
    /// What became of it.
    struct Ending: Sendable {
        /// Exit status; for a signal, 128 and its number, as a shell has it.
        var status: Int32
        /// What it wrote to stdout, where that was asked for.
        var output = Data()
    }

    private struct State {
        var isTerminated = false
    }

    private let process: Mutex<Process>
    private let state = Mutex(State())
    private let output: Pipe?

    /// The running executable, wherever it was started from.
    static func shoal() throws -> URL {
        URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    }

    /// - Parameters:
    ///   - words: executable and arguments.
    ///   - errors: gets its stderr, appended; nil: this process's.
    ///   - keepsOutput: whether its stdout is kept for ``Ending/output``; otherwise it goes where stderr goes.
    init(_ words: [String], errors: FileHandle? = nil, keepsOutput: Bool = false) {
        let process = Process()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.filter {
            $0.key != Fault.environmentVariable
        }
        output = keepsOutput ? Pipe() : nil
        process.standardOutput = output ?? errors ?? FileHandle.standardError
        process.standardError = errors ?? FileHandle.standardError
        self.process = Mutex(process)
    }

    /// Runs it to its end; one that ``terminate()`` was called for before does not start.
    ///
    /// - Throws: when it cannot be started.
    func run() async throws -> Ending {
        try await Blocking.run { [self] in
            let identifier = try state.withLock { state -> Int32? in
                guard !state.isTerminated else { return nil }
                return try process.withLock { process in
                    try process.run()
                    return process.processIdentifier
                }
            }
            guard identifier != nil else { return Ending(status: ExitStatus.interrupted) }
            let data = output?.fileHandleForReading.readDataToEndOfFile() ?? Data()
            while process.withLock({ $0.isRunning }) { Thread.sleep(forTimeInterval: 0.02) }
            return process.withLock { process in
                process.waitUntilExit()
                let status = process.terminationStatus
                return Ending(
                    status: process.terminationReason == .exit ? status : 128 + status, output: data)
            }
        }
    }

    /// Asks it to end (SIGTERM); `shoal` saves its last step first.
    func terminate() {
        state.withLock { state in
            state.isTerminated = true
            process.withLock { if $0.isRunning { $0.terminate() } }
        }
    }
}
