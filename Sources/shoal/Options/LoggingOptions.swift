import ArgumentParser
import Foundation
import Logging

/// How much goes to stderr.
struct LoggingOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "More log lines, and the causes behind an error.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Warnings and errors only.")
    var quiet = false

    func validate() throws {
        if verbose && quiet { throw ValidationError("--verbose and --quiet contradict each other; give one") }
    }

    /// Installs the log handler of the process and returns its logger.
    func bootstrap(label: String = "shoal") -> Logger {
        let level: Logger.Level = verbose ? .debug : quiet ? .warning : .info
        LoggingSystem.bootstrap { name in PlainLogHandler(label: name, logLevel: level) }
        return Logger(label: label)
    }
}

/// Lines on stderr that a person reads: `warning: message (key value, key value)`.
struct PlainLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let details =
            all.isEmpty
            ? ""
            : " (" + all.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                + ")"
        let level = event.level == .info || event.level == .notice ? "" : "\(event.level): "
        let name = label == "shoal" ? "" : "\(label): "
        FileHandle.standardError.write(Data("\(name)\(level)\(event.message)\(details)\n".utf8))
    }
}
