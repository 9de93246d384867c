public import Foundation

/// A line of `events.jsonl`: a join, a loss, a replay, a warning.
public struct EventRecord: Sendable, Equatable, RecordLine, Decodable {
    /// When, as seconds since 1970-01-01 UTC; written as ISO 8601 with milliseconds.
    public var time: Date
    /// What, in one word or a few joined by hyphens: `worker-joined`.
    public var event: String
    /// The last committed step; nil where none is meant.
    public var step: Int?
    /// What goes with it, by name.
    public var details: [String: String]

    public init(time: Date = Date(), event: String, step: Int? = nil, details: [String: String] = [:]) {
        // The file holds milliseconds, so a record read back is the record written.
        self.time = Date(timeIntervalSince1970: (time.timeIntervalSince1970 * 1000).rounded() / 1000)
        self.event = event
        self.step = step
        self.details = details
    }

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    public var jsonLine: String {
        var line = JSONLine()
        // The format cuts digits off instead of rounding: half a millisecond more gives the millisecond meant.
        line.add("time", (time + 0.0005).formatted(Self.timeFormat))
        line.add("event", event)
        if let step { line.add("step", step) }
        line.add("details", details)
        return line.text
    }

    private enum CodingKeys: String, CodingKey {
        case time, event, step, details
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let text = try container.decode(String.self, forKey: .time)
        self.init(
            time: try Date(text, strategy: Self.timeFormat),
            event: try container.decode(String.self, forKey: .event),
            step: try container.decodeIfPresent(Int.self, forKey: .step),
            details: try container.decodeIfPresent([String: String].self, forKey: .details) ?? [:])
    }
}
