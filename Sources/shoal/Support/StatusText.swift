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
                "\(member.id)", printable(member.host), "\(member.processID)", "\(member.threadCount)",
                member.state.word, duration(member.seconds),
                member.leavesPerSecond > 0 ? Format.decimal(member.leavesPerSecond, 1) : "",
                printable(member.remark),
            ]
        }
        let header = ["worker", "host", "process", "threads", "state", "for", "micro-batches/s", ""]
        return facts.joined(separator: "  ") + "\n" + Format.table([header] + rows)
    }

    /// The same as one line.
    static func json(_ report: StatusReport) throws -> String {
        struct Worker: Encodable {
            let id: UInt32
            let host: String
            let process: UInt32
            let threads: UInt32
            let state: String
            let seconds: Double
            let microBatchesPerSecond: Double
            let remark: String
        }
        struct Report: Encodable {
            let phase: String
            let step: UInt64
            let totalSteps: UInt64
            let generation: UInt64
            let loss: Double
            let tokensPerSecond: Double
            let stepSeconds: Double
            let wireBytesSent: UInt64
            let wireBytesReceived: UInt64
            let workers: [Worker]
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let text = try encoder.encode(
            Report(
                phase: report.phase, step: report.step, totalSteps: report.totalSteps,
                generation: report.generation, loss: report.loss, tokensPerSecond: report.tokensPerSecond,
                stepSeconds: report.stepSeconds, wireBytesSent: report.bytesSent,
                wireBytesReceived: report.bytesReceived,
                workers: report.members.map {
                    Worker(
                        id: $0.id, host: $0.host, process: $0.processID, threads: $0.threadCount,
                        state: $0.state.word, seconds: $0.seconds, microBatchesPerSecond: $0.leavesPerSecond,
                        remark: $0.remark)
                }))
        return String(decoding: text, as: UTF8.self) + "\n"
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

    /// `12 s`, `3:05`, `1:02:03`
    private static func duration(_ seconds: Double) -> String {
        guard seconds >= 0, seconds < 1e9 else { return "" }
        let whole = Int(seconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
        return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
    }
}

extension MemberStatus.State {
    /// For the table and JSON.
    fileprivate var word: String {
        switch self {
        case .building: "building"
        case .waiting: "waiting"
        case .loading: "loading"
        case .active: "active"
        case .slow: "slow"
        case .silent: "silent"
        case .lost: "lost"
        }
    }
}
