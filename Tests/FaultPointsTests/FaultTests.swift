import DurableFiles
import FaultPoints
import Foundation
import Testing

@Suite(.serialized) struct FaultTests {
    @Test("a point, a count and an action are read; the action is kill where none is given")
    func parses() throws {
        #expect(try Fault("compute:3").description == "compute:3:kill")
        #expect(try Fault("all-gather:1:stop").action == .stop)
        #expect(try Fault("checkpoint-manifest:2:ENOSPC").action == .fail(.full))
        #expect(try Fault("metrics:1:exit").point == .metrics)
    }

    @Test(
        "what is not known is named with the nearest name",
        arguments: [
            ("comptue:1", "compute"), ("after-comit-sent:1", "after-commit-sent"),
            ("compute:1:stopp", "stop"),
            ("metrics:1:ENOSP", "ENOSPC"),
        ])
    func namesTheNearest(text: String, nearest: String) {
        #expect { try Fault(text) } throws: { "\($0)".contains("did you mean '\(nearest)'?") }
    }

    @Test(
        "a count that is none, and a full disk where nothing is written, are refused",
        arguments: [
            "compute", "compute:0", "compute:-1", "compute:x", "compute:1:kill:more", "compute:1:ENOSPC",
        ])
    func refuses(text: String) {
        #expect(throws: FaultError.self) { try Fault(text) }
    }

    @Test("an armed error comes at the N-th passing and only then")
    func comesOnce() throws {
        defer { _ = try? Fault.arm(from: [:]) }
        let point = FaultPoint.metrics
        try point.pass(writing: "/nowhere")
        #expect(try Fault.arm(from: ["SHOAL_FAULT": "metrics:3:ENOSPC"]) == Fault("metrics:3:ENOSPC"))
        for passing in 1...5 {
            FaultPoint.compute.pass()
            do {
                try point.pass(writing: "/nowhere/metrics.jsonl")
                #expect(passing != 3)
            } catch {
                #expect(passing == 3)
                #expect(error.code == .noSpace)
                #expect(error.path == "/nowhere/metrics.jsonl")
            }
        }
        #expect(try Fault.arm(from: ["SHOAL_FAULT": ""]) == nil)
    }

    @Test("docs/faults.md has a line for each point, and no other")
    func documentsEachPoint() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/faults.md"), encoding: .utf8)
        let section = try #require(
            text.components(separatedBy: "\n## ").first { $0.hasPrefix("Fault points") })
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let known = FaultPoint.allCases.map {
            "| `\($0.rawValue)` | \($0.writesFile ? "yes" : "") | \($0.summary) |"
        }
        #expect(rows.map(String.init) == known)
    }
}
