public import Logging

/// Writes log messages through a progress display, so that they do not run into its bar.
///
/// A line reads `warning: worker lost (worker=3, step=12)`; info carries no level.
public struct ProgressLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let display: ProgressDisplay

    public init(display: ProgressDisplay, logLevel: Logger.Level = .info) {
        self.display = display
        self.logLevel = logLevel
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let details = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let prefix = event.level == .info ? "" : "\(event.level): "
        let suffix = details.isEmpty ? "" : " (" + details.joined(separator: ", ") + ")"
        display.message(prefix + event.message.description + suffix)
    }
}
