import Charts
import Foundation
import Mustache
import Telemetry
package import WireProtocol

/// `/`: the run as a page that brings itself up to date.
package struct RunPage: Sendable {
    private let page: MustacheTemplate
    private let content: MustacheTemplate
    private let subject: DashboardServer.Subject

    /// - Throws: when a template cannot be read, which its tests rule out.
    package init(subject: DashboardServer.Subject) throws {
        self.subject = subject
        page = try MustacheTemplate(string: Self.pageTemplate)
        content = try MustacheTemplate(string: Self.contentTemplate)
    }

    /// The whole page.
    package func html(_ snapshot: RunFeed.Snapshot, status: StatusReport?) -> String {
        page.render([
            "name": subject.name, "base": subject.base, "method": subject.method,
            "style": PageStyle.css + Self.css,
            "script": Self.script, "content": fragment(snapshot, status: status),
        ])
    }

    /// What changes of it: the page asks for this every two seconds.
    package func fragment(_ snapshot: RunFeed.Snapshot, status: StatusReport?) -> String {
        var values: [String: Any] = [
            "facts": facts(snapshot, status).map { ["name": $0, "value": $1] },
            "charts": charts(snapshot).compactMap { chart in
                chart.svg.map { ["title": chart.title, "svg": $0] }
            },
            "events": snapshot.events.suffix(15).reversed().map(event),
        ]
        if let status {
            values["status"] = [
                "phase": status.phase,
                "share": status.totalSteps > 0
                    ? String(format: "%.1f", 100 * Double(status.step) / Double(status.totalSteps)) : "0",
            ]
            values["members"] = status.members.map { member -> [String: String] in
                [
                    "id": member.id == 0 ? "" : "\(member.id)", "host": member.host,
                    "process": "\(member.processID)",
                    "threads": member.threadCount == 0 ? "" : "\(member.threadCount)",
                    "state": member.state.word,
                    "since": Figures.duration(member.seconds),
                    "rate": member.leavesPerSecond > 0
                        ? Figures.fixed(member.leavesPerSecond, 1) : "",
                    "remark": member.words,
                ]
            }
            values["hasMembers"] = !status.members.isEmpty
        }
        return content.render(values)
    }

    private func facts(_ snapshot: RunFeed.Snapshot, _ status: StatusReport?) -> [(String, String)] {
        let last = snapshot.last
        let step = status.map { Int($0.step) } ?? last?.step ?? 0
        let total = status.map { $0.totalSteps > 0 ? " of \(Figures.count(Int($0.totalSteps)))" : "" } ?? ""
        var facts = [("step", Figures.count(step) + total)]
        guard let last else { return facts }
        facts += [
            ("loss", Figures.fixed(last.loss, 4)),
            ("tokens a second", Figures.fixed(last.tokensPerSecond, 0)),
            ("seconds a step", Figures.short(last.stepSeconds)), ("workers", "\(last.workerCount)"),
            ("sent a step, all workers", Figures.bytes(Double(last.wireBytesSent))),
            ("sent in all", Figures.bytes(snapshot.bytesSent)),
            ("peak memory of a worker", Figures.bytes(Double(last.peakResidentBytes))),
        ]
        if let status, status.totalSteps > status.step, last.stepSeconds.isFinite {
            facts.append(
                ("left", Figures.duration(Double(status.totalSteps - status.step) * last.stepSeconds)))
        }
        if let evaluation = snapshot.evaluations.last {
            facts.append(("held-out loss, step \(evaluation.step)", Figures.fixed(evaluation.loss, 4)))
            if let accuracy = evaluation.choiceAccuracy {
                facts.append(("accuracy", Figures.percent(accuracy)))
            }
        }
        return facts
    }

    private func charts(_ snapshot: RunFeed.Snapshot) -> [LineChart] {
        let points = RunJSON.thinned(snapshot.points, limit: 600)
        let steps = LineChart.Axis(title: "step") { Figures.fixed($0, 0) }
        var loss = [
            LineChart.Series(name: "training", color: 0, points: points.map { (Double($0.step), $0.loss) })
        ]
        if !snapshot.evaluations.isEmpty {
            loss.append(
                LineChart.Series(
                    name: "held out", color: 1,
                    points: snapshot.evaluations.map { (Double($0.step), $0.loss) }))
        }
        return [
            LineChart(title: "Loss", x: steps, y: .init(title: "loss of a token, nats"), series: loss),
            LineChart(
                title: "Speed", x: steps, y: .init(title: "tokens a second"),
                series: [
                    LineChart.Series(
                        name: "all workers", color: 2,
                        points: points.map { (Double($0.step), $0.tokensPerSecond) })
                ]),
        ]
    }

    private func event(_ record: EventRecord) -> [String: String] {
        // The step has a column of its own, and sentences come last.
        let step = record.step.map(String.init)
        let sentences = ["reason", "message"].compactMap { record.details[$0] }
        let details =
            record.details.filter {
                !["reason", "message"].contains($0.key) && !($0.key == "step" && $0.value == step)
            }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } + sentences
        return [
            "time": String(record.time.ISO8601Format().dropFirst(11).prefix(8)),
            "event": record.event.replacing(#/[-_]/#, with: " "), "step": step.map { "step \($0)" } ?? "",
            "details": details.joined(separator: ", "),
        ]
    }
}
