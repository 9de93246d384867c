import Comparison
import Foundation
import Lab
import Testing

@Suite struct ReportTests {
    @Test("the best learning rate is the one with the lowest held-out loss, and an edge is said")
    func best() throws {
        let report = try SampleReport.make()
        #expect(report.variants[0].best?.learningRate == 3e-4)
        #expect(!report.variants[0].isBestAtEdge)
        var edge = report.variants[0]
        edge.trials.removeLast()
        #expect(edge.isBestAtEdge)
        #expect(!report.variants[2].isBestAtEdge)
    }

    @Test("figures are medians after the first steps, and per worker")
    func figures() throws {
        let steps = try SampleReport.steps()
        #expect(steps.measuredSteps == 7)
        #expect(abs(steps.stepSeconds - 1.15) < 1e-9)
        #expect(abs(steps.otherSeconds - 0.1) < 1e-9)
        #expect(steps.bytesSentPerWorker == 8_000_000)
        #expect(StepFigures([], microBatches: []) == nil)
    }

    @Test("the headline is the slowest link, and the curve is timed by it")
    func headline() throws {
        let lora = try SampleReport.make().variants[0]
        #expect(lora.headline?.link?.description == "1gbit")
        let curve = try #require(lora.curve)
        #expect(abs(curve.seconds[8] - 9 * 1.17) < 1e-9)
        #expect(abs(curve.bytesSent[8] - 9 * 16_000_000) < 1e-3)
    }

    @Test("arithmetic: compute shared out in whole micro-batches, the wire's share, and the rest")
    func arithmetic() throws {
        let report = try SampleReport.make()
        func seconds(_ variant: String, _ workers: Int, _ link: String) throws -> Double {
            try #require(
                report.computed.first {
                    $0.variant == variant && $0.workers == workers && $0.link.description == link
                }
            ).stepSeconds
        }
        // 8 micro-batches on 2 workers took 1 s: 0.25 s each; the rest 0.1 s.
        #expect(abs(try seconds("lora", 1, "1gbit") - (8 * 0.25 + 0.1)) < 1e-9)
        // 8 MB of gradient: 2 · 7/8 · 8 MB each way on 1 Gbit/s, of which 1448/1538 is data.
        let wire = 2 * 7.0 / 8 * 8e6 * 8 / (1e9 * 1448 / 1538)
        #expect(abs(try seconds("lora", 8, "1gbit") - (0.25 + wire + 0.1)) < 1e-9)
        // More workers than micro-batches do not compute faster.
        let more = 2 * 15.0 / 16 * 8e6 * 8 / (1e9 * 1448 / 1538)
        #expect(abs(try seconds("lora", 16, "1gbit") - (0.25 + more + 0.1)) < 1e-9)
        // On a fast link the workers' own time for the bytes counts: 1 s for 400 MB each way.
        #expect(abs(try seconds("full", 2, "10gbit") - (1 + 1 + 0.1)) < 1e-6)
        #expect(report.computed.count == 2 * 3 * 7)
    }

    @Test("the page names files, not where they lie")
    func fileNames() throws {
        let html = try ReportPage.html(try SampleReport.make())
        #expect(html.contains("rows.jsonl") && !html.contains("/home/someone"))
    }

    @Test("what was measured is checked against arithmetic")
    func checks() throws {
        let report = try SampleReport.make()
        #expect(report.checks.map(\.variant) == ["lora", "full"])
        let wire = 8e6 * 8 / (1e9 * 1448 / 1538)
        #expect(abs(report.checks[0].computedSeconds - (1 + wire + 0.1)) < 1e-9)
        #expect(abs(report.checks[0].difference - ((1.1 + wire) / 1.17 - 1)) < 1e-9)
    }

    @Test("the report reads back from its JSON, also with losses that are not finite")
    func roundTrip() throws {
        var report = try SampleReport.make()
        report.variants[2].trials[0].curve.loss[3] = .infinity
        let text = try ComparisonJSON.text(report)
        #expect(try ComparisonJSON.decode(ComparisonReport.self, from: Data(text.utf8)) == report)
        #expect(text.contains("\"format_version\" : 1"))
        #expect(text.contains("\"tokens_per_second\""))
        #expect(text.contains("\"inf\""))
    }

    @Test("the page needs nothing from elsewhere and escapes what it shows")
    func page() throws {
        let html = try ReportPage.html(try SampleReport.make())
        for outside in ["http:", "https:", "src=", "<link", "@import", "<script", "url("] {
            #expect(!html.contains(outside), "\(outside)")
        }
        #expect(html.contains("needs 40 GB of memory, &lt;here&gt; are 24 GB &amp; no more"))
        #expect(html.contains("A &amp; B &lt;processor&gt;"))
        #expect(html.contains("prefers-color-scheme: dark") && html.contains("@media print"))
        #expect(html.components(separatedBy: "<svg").count - 1 == 9)
        #expect(html.contains("not measured</strong>: arithmetic"))
        #expect(!html.contains("{{") && !html.contains("NaN") && !html.contains("nan"))
    }

    @Test("the terminal's tables name what was not measured and the speed over full")
    func text() throws {
        let text = try SampleReport.make().text
        #expect(text.contains("speed over full"))
        #expect(text.contains("4.36×"))
        #expect(text.contains("3e-4"))
        #expect(text.contains("not readable"))
        #expect(text.contains("1gbit"))
        #expect(text.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") })
    }

    @Test("a report of nothing but failures can be written")
    func onlyFailures() throws {
        var report = try SampleReport.make()
        for index in report.variants.indices {
            report.variants[index].trials = []
            report.variants[index].measurements = []
            report.variants[index].failure = "no memory"
        }
        let html = try ReportPage.html(report)
        #expect(html.contains("no memory"))
        #expect(!report.text.isEmpty)
    }
}

@Suite struct EnergyMeterTests {
    @Test("counters are added over packages, also when one begins anew")
    func counts() throws {
        let root = NSTemporaryDirectory() + "shoal-powercap-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: root) }
        func write(_ package: String, _ name: String, _ value: UInt64) throws {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(package)", withIntermediateDirectories: true)
            try "\(value)\n".write(toFile: "\(root)/\(package)/\(name)", atomically: true, encoding: .utf8)
        }
        for package in ["intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"] {
            try write(package, "max_energy_range_uj", 10_000_000)
            try write(package, "energy_uj", 9_000_000)
        }
        let meter = try #require(EnergyMeter(root: root))
        try write("intel-rapl:0", "energy_uj", 9_500_000)
        try write("intel-rapl:1", "energy_uj", 500_000)
        try write("intel-rapl:0:0", "energy_uj", 9_900_000)
        #expect(abs(meter.stop() - 2.0) < 1e-9)
    }

    @Test("no counters, no meter")
    func none() { #expect(EnergyMeter(root: "/nonexistent") == nil) }
}
