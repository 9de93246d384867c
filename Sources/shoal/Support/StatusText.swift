import Charts
import Dashboard
import Foundation
import WireProtocol

/// A ``StatusReport`` for people and for programs.
enum StatusText {
    /// The run's line, then a row for each worker.
    static func table(_ report: StatusReport) -> String {
        let total = report.totalSteps > 0 ? " of \(Format.count(report.totalSteps))" : ""
        var facts = ["step \(Format.count(report.step))\(total)", printable(report.phase)]
        if report.generation > 1 { facts.append("attempt \(report.generation)") }
        if report.stepSeconds > 0 {
            facts += [
                "loss \(Format.decimal(report.loss, 4))",
                "\(whole(report.tokensPerSecond)) tokens/s",
                "\(Format.decimal(report.stepSeconds, 2)) s a step",
                "\(Format.bytes(report.bytesSent)) sent in it by all",
            ]
        }
        let rows = report.members.map { member in
            [
                member.id == 0 ? "" : "\(member.id)", printable(member.host), "\(member.processID)",
                member.threadCount == 0 ? "" : "\(member.threadCount)",
                member.state.word, Figures.duration(member.seconds),
                member.leavesPerSecond > 0 ? Format.decimal(member.leavesPerSecond, 1) : "",
                printable(member.words),
            ]
        }
        let header = ["worker", "host", "process", "threads", "state", "for", "micro-batches/s", ""]
        return facts.joined(separator: "  ") + "\n" + Format.table([header] + rows)
    }

    /// The same as one line.
    static func json(_ report: StatusReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(StatusJSON(report)), as: UTF8.self) + "\n"
    }

    private static func whole(_ value: Double) -> String {
        value.isFinite && abs(value) < 1e15 ? Format.count(Int(value)) : "?"
    }

    /// Without what a terminal might obey: hosts and reasons are other people's words.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control })
        )
    }
}
