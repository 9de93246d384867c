import Dashboard
import Foundation
import Logging
import Telemetry
import Testing
import WireProtocol

/// A run's files that a test writes.
private final class RunFiles {
    let path = NSTemporaryDirectory() + "shoal-dashboard-\(UInt64.random(in: 0...UInt64.max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func append(_ text: String, to name: String) throws {
        let file = path + "/" + name
        let old = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        try (old + text).write(toFile: file, atomically: false, encoding: .utf8)
    }

    static func record(_ step: Int, loss: Double = 1) -> StepRecord {
        StepRecord(
            step: step, epoch: 0.5, loss: loss, gradientNorm: 1, learningRate: 1e-3, tokenCount: 100,
            supervisedTokenCount: 10, tokensPerSecond: 50, stepSeconds: 2, computeSeconds: 1.5,
            reduceSeconds: 0.3, exposedReduceSeconds: 0.2, wireBytesSent: 1000, wireBytesReceived: 1000,
            workerCount: 2, generation: 1, peakResidentBytes: 5000, gradientDigest: "00",
            messagesDropped: 3, connectionsRefused: 4)
    }
}

private let report = StatusReport(
    phase: "computing", step: 2, totalSteps: 10, generation: 1, loss: 1, tokensPerSecond: 50, stepSeconds: 2,
    bytesSent: 1000, bytesReceived: 1000,
    members: [
        MemberStatus(
            id: 1, host: "<b>evil</b>\"\n", processID: 7, threadCount: 2, state: .active, seconds: 65,
            leavesPerSecond: 3.5, remark: ""),
        MemberStatus(
            id: 2, host: "other", processID: 8, threadCount: 2, state: .lost, seconds: 4, leavesPerSecond: 0,
            remark: "not heard of"),
        MemberStatus(
            id: 0, host: "new", processID: 9, threadCount: 0, state: .fetching, seconds: 3,
            leavesPerSecond: 0, remark: "", fetchedByteCount: 36_900_000, baseByteCount: 98_400_000),
    ])

@Suite struct DashboardTests {
    private let subject = DashboardServer.Subject(name: "runs/<x>", base: "base", method: "lora")

    @Test("a feed reads what is appended, a line once it is whole")
    func feed() throws {
        let files = try RunFiles()
        let feed = RunFeed(path: files.path)
        #expect(feed.update().points.isEmpty)
        let second = RunFiles.record(2).jsonLine
        try files.append(RunFiles.record(1).jsonLine + "\n" + second.prefix(20), to: "metrics.jsonl")
        #expect(feed.update().points.map(\.step) == [1])
        try files.append(second.dropFirst(20) + "\nno record\n", to: "metrics.jsonl")
        try files.append(EventRecord(event: "worker-lost", step: 2).jsonLine + "\n", to: "events.jsonl")
        let all = feed.update()
        #expect(all.points.map(\.step) == [1, 2] && all.events.count == 1)
        #expect(all.tokenCount == 200 && all.bytesSent == 2000)
        #expect(feed.update().points.count == 2)
    }

    @Test("the JSON holds status, totals, steps and events, also of losses that are not finite")
    func json() throws {
        let files = try RunFiles()
        try files.append(
            RunFiles.record(1).jsonLine + "\n" + RunFiles.record(2, loss: .nan).jsonLine + "\n",
            to: "metrics.jsonl")
        let text = try RunJSON(RunFeed(path: files.path).update(), status: report, subject: subject).text()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect((object["status"] as? [String: Any])?["total_steps"] as? Int == 10)
        let workers = try #require((object["status"] as? [String: Any])?["workers"] as? [[String: Any]])
        #expect(workers[2]["state"] as? String == "fetching")
        #expect(
            workers[2]["fetched_bytes"] as? Int == 36_900_000
                && workers[2]["base_bytes"] as? Int == 98_400_000
        )
        #expect(workers[0]["fetched_bytes"] == nil)
        #expect((object["totals"] as? [String: Any])?["tokens"] as? Int == 200)
        #expect((object["steps"] as? [[String: Any]])?.count == 2)
        #expect(text.contains("\"nan\""))
    }

    @Test("a long run is thinned out and keeps its end", arguments: [0, 1, 1999, 2000, 2001, 123_456])
    func thinning(_ count: Int) {
        let points = (0..<count).map { RunFeed.Point(step: $0 + 1, loss: 1, tokensPerSecond: 1) }
        let thinned = RunJSON.thinned(points)
        #expect(thinned.count <= RunJSON.pointLimit + 1 && thinned.last?.step == points.last?.step)
        if count <= RunJSON.pointLimit { #expect(thinned.count == count) }
    }

    @Test("metrics are in Prometheus' format, and hosts cannot break out of it")
    func prometheus() throws {
        let files = try RunFiles()
        try files.append(RunFiles.record(2, loss: .nan).jsonLine + "\n", to: "metrics.jsonl")
        let text = PrometheusText(RunFeed(path: files.path).update(), status: report).text
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(
                line.wholeMatch(
                    of: /[a-z_]+(\{([a-z]+="([^"\\]|\\\\|\\"|\\n)*",?)+\})? (NaN|[+-]Inf|[-0-9.e+]+)/) != nil,
                "\(line)")
        }
        #expect(text.contains("shoal_workers{state=\"active\"} 1.0"))
        #expect(text.contains("shoal_workers{state=\"lost\"} 1.0"))
        #expect(text.contains("shoal_workers{state=\"fetching\"} 1.0"))
        #expect(text.contains("shoal_base_fetched_ratio 0.375\n"))
        #expect(!text.contains("worker=\"0\""))
        #expect(text.contains("shoal_loss NaN"))
        #expect(text.contains("shoal_messages_dropped_total 3.0"))
    }

    @Test("the page escapes other people's words and needs nothing from elsewhere")
    func page() throws {
        let files = try RunFiles()
        try files.append(
            RunFiles.record(1).jsonLine + "\n" + RunFiles.record(2).jsonLine + "\n", to: "metrics.jsonl")
        try files.append(
            EventRecord(
                event: "worker-lost", step: 2,
                details: ["reason": "<script>alert(1)</script>", "step": "2", "worker": "7"]
            ).jsonLine + "\n", to: "events.jsonl")
        let html = try RunPage(subject: subject).html(RunFeed(path: files.path).update(), status: report)
        #expect(html.contains("&lt;b&gt;evil&lt;/b&gt;") && !html.contains("<b>evil"))
        #expect(html.contains("&lt;script&gt;alert(1)") && html.contains("runs/&lt;x&gt;"))
        #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("{{"))
        #expect(html.components(separatedBy: "<svg").count == 3)
        #expect(html.contains("2 of 10") && html.contains("1:05"))
        #expect(html.contains(">base: 37.5 % of 98.4 MB<"))
        // The step is said once.
        #expect(html.contains("<td>step 2</td><td class=\"words\">worker 7, &lt;script"))
    }

    @Test("before anything is known there is a page, too")
    func empty() throws {
        let files = try RunFiles()
        let html = try RunPage(subject: subject).html(RunFeed(path: files.path).update(), status: nil)
        #expect(html.contains("<main") && !html.contains("<svg"))
    }

    @Test("a port that is taken is named")
    func takenPort() async throws {
        let files = try RunFiles()
        let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let first = try DashboardServer(subject: subject, feed: RunFeed(path: files.path)) { nil }
        let port = try await first.start(host: "127.0.0.1", port: 0, logger: log)
        defer { first.stop() }
        let second = try DashboardServer(subject: subject, feed: RunFeed(path: files.path)) { nil }
        defer { second.stop() }
        let error = await #expect(throws: DashboardError.self) {
            _ = try await second.start(host: "127.0.0.1", port: port, logger: log)
        }
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
    }
}
