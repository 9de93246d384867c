import Foundation

/// The built `shoal` executable, as a user runs it.
enum Shoal {
    /// What can go wrong before `shoal` itself says anything.
    struct HarnessError: Error, CustomStringConvertible {
        let description: String
    }

    /// `$SHOAL_EXECUTABLE`, else `shoal` beside the test bundle.
    static func executable() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let url =
            environment["SHOAL_EXECUTABLE"].map { URL(fileURLWithPath: $0) }
            ?? bundle.deletingLastPathComponent().appendingPathComponent("shoal")
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw HarnessError(description: "no executable at \(url.path); build the product shoal first")
        }
        return url
    }

    /// Starts `shoal` and returns at once.
    ///
    /// - Parameter name: of the files that get its output, for a test that starts several.
    static func start(
        _ arguments: [String], in scratch: Scratch, name: String = "shoal", input: String = "",
        environment: [String: String] = [:]
    ) throws -> RunningProcess {
        try RunningProcess(
            executable: executable(), arguments: arguments, scratch: scratch, name: name, input: input,
            environment: environment)
    }

    /// Runs `shoal` to its end.
    static func run(
        _ arguments: [String], in scratch: Scratch, name: String = "shoal", input: String = "",
        environment: [String: String] = [:], limit: TimeInterval = 120
    ) throws -> ProcessOutcome {
        try start(arguments, in: scratch, name: name, input: input, environment: environment).wait(
            limit: limit)
    }
}

/// How a process ended and what it wrote.
struct ProcessOutcome: CustomStringConvertible {
    /// Exit status; for a signal, 128 and its number, as a shell has it.
    let status: Int32
    let output: String
    let errors: String

    var description: String { "status \(status)\nstdout:\n\(output)\nstderr:\n\(errors)" }
}

/// A `shoal` process that may still run.
final class RunningProcess {
    private let process = Process()
    private let outputPath: String
    private let errorPath: String

    init(
        executable: URL, arguments: [String], scratch: Scratch, name: String, input: String,
        environment: [String: String]
    ) throws {
        outputPath = try scratch.write("", to: "\(name).out")
        errorPath = try scratch.write("", to: "\(name).err")
        let inputPath = try scratch.write(input, to: "\(name).in")
        var all = ProcessInfo.processInfo.environment
        all["SHOAL_TEST_TOKEN"] = scratch.token
        all["SHOAL_CACHE"] = scratch.path("cache")
        all.merge(environment) { $1 }
        process.executableURL = executable
        process.arguments = arguments
        process.environment = all
        process.currentDirectoryURL = scratch.folder
        process.standardInput = FileHandle(forReadingAtPath: inputPath)
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        try process.run()
    }

    var isRunning: Bool { process.isRunning }
    var processIdentifier: pid_t { process.processIdentifier }
    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    var identifier: pid_t { process.processIdentifier }

    /// Whether SIGSTOP has come to it.
    var isStopped: Bool {
        let text = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.split(separator: " ").first == "T"
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for the end; a process that does not end within `limit` seconds is killed and an error.
    func wait(limit: TimeInterval = 120) throws -> ProcessOutcome {
        guard Shoal.eventually(within: limit, { !process.isRunning }) else {
            send(SIGKILL)
            process.waitUntilExit()
            throw Shoal.HarnessError(
                description: """
                    shoal \((process.arguments ?? []).joined(separator: " ")) did not end within \(limit) s
                    stdout:
                    \(output)
                    stderr:
                    \(errors)
                    """)
        }
        process.waitUntilExit()
        let status =
            process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return ProcessOutcome(status: status, output: output, errors: errors)
    }
}

extension Shoal {
    /// Looks at a condition every 5 ms until it holds.
    ///
    /// - Returns: whether it held within `limit` seconds.
    static func eventually(within limit: TimeInterval, _ condition: () throws -> Bool) rethrows -> Bool {
        let end = Date(timeIntervalSinceNow: limit)
        while try !condition() {
            if Date() > end { return false }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return true
    }
}
