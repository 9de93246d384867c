import Foundation
import Telemetry
package import WireProtocol

/// `/api/run`: everything the page shows, for programs.
package struct RunJSON: Encodable {
    /// Points of the curves at most; a longer run is thinned out evenly, its last step always there.
    package static let pointLimit = 2000

    let run: DashboardServer.Subject
    /// Nil before the coordinator has answered for the first time.
    let status: StatusJSON?
    let totals: Totals
    let steps: [Step]
    let evaluations: [Evaluation]
    /// Newest last.
    let events: [Event]

    struct Totals: Encodable {
        let tokens: Int
        let wireBytesSent: Double
        let wireBytesReceived: Double
        let messagesDropped: UInt64
        let connectionsRefused: UInt64
        let peakRssBytes: UInt64
    }

    struct Step: Encodable {
        let step: Int
        let loss: Double
        let tokensPerSecond: Double
    }

    struct Evaluation: Encodable {
        let step: Int
        let loss: Double
        let choiceAccuracy: Double?
        let exactMatch: Double?
        let best: Bool
    }

    struct Event: Encodable {
        let time: String
        let event: String
        let step: Int?
        let details: [String: String]
    }

    package init(_ snapshot: RunFeed.Snapshot, status: StatusReport?, subject: DashboardServer.Subject) {
        run = subject
        self.status = status.map { StatusJSON($0) }
        totals = Totals(
            tokens: snapshot.tokenCount, wireBytesSent: snapshot.bytesSent,
            wireBytesReceived: snapshot.bytesReceived,
            messagesDropped: snapshot.last?.messagesDropped ?? 0,
            connectionsRefused: snapshot.last?.connectionsRefused ?? 0,
            peakRssBytes: snapshot.last?.peakResidentBytes ?? 0)
        steps = Self.thinned(snapshot.points).map {
            Step(step: $0.step, loss: $0.loss, tokensPerSecond: $0.tokensPerSecond)
        }
        evaluations = snapshot.evaluations.map {
            Evaluation(
                step: $0.step, loss: $0.loss, choiceAccuracy: $0.choiceAccuracy, exactMatch: $0.exactMatch,
                best: $0.isBest)
        }
        events = snapshot.events.map {
            Event(
                time: $0.time.ISO8601Format(), event: $0.event, step: $0.step, details: $0.details)
        }
    }

    /// Every n-th point and the last.
    package static func thinned(_ points: [RunFeed.Point], limit: Int = pointLimit) -> [RunFeed.Point] {
        guard points.count > limit else { return points }
        let stride = (points.count + limit - 1) / limit
        let last = points.count - 1
        return points.enumerated().filter { $0.offset % stride == 0 || $0.offset == last }.map(\.element)
    }

    /// One JSON object; numbers that are not finite as the strings "nan", "inf" and "-inf".
    package func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
