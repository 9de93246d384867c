import Foundation
import FoundationNetworking
import Testing

@Suite struct PageTests {
    /// GET on loopback with curl's own library missing: Foundation's data loading is enough.
    private static func get(_ address: String) -> String? {
        guard let url = URL(string: address) else { return nil }
        return try? String(contentsOf: url, encoding: .utf8)
    }

    @Test("a run shows its page, its JSON and its metrics while it trains")
    func page() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 3000, checkpointEvery: 3000).write(to: scratch)
        let process = try Shoal.start(
            [
                "train", config, "--workers", "2", "--threads", "1", "--output", "run", "--http",
                "127.0.0.1:0",
            ],
            in: scratch)
        defer { process.send(SIGKILL) }
        var address = ""
        #expect(
            Shoal.eventually(within: 30) {
                guard let match = process.errors.firstMatch(of: /page: (http:\S+)/) else { return false }
                address = String(match.1)
                return true
            })
        #expect(
            Shoal.eventually(within: 30) {
                Self.get(address + "metrics")?.contains("shoal_workers{state=\"active\"} 2.0") == true
            }, "\(process.errors)")
        let page = try #require(Self.get(address))
        #expect(
            page.contains("What just happened") && page.contains("worker joined") || page.contains("joined"))
        let json = try #require(Self.get(address + "api/run"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect((object["steps"] as? [Any])?.isEmpty == false)
        #expect(((object["status"] as? [String: Any])?["workers"] as? [Any])?.count == 2)
        #expect(Self.get(address + "no-such-page") == nil)
        process.send(SIGTERM)
        let outcome = try process.wait()
        #expect(outcome.status == 75, "\(outcome)")
        #expect(Self.get(address) == nil)
    }

    @Test("the coordinator has it, too, beside its own sockets, and a wrong address is named")
    func coordinator() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let port = try FreePort.find()
        let process = try Shoal.start(
            [
                "coordinator", config, "--listen", "tcp://127.0.0.1:\(port)", "--output", "run", "--http",
                "127.0.0.1:0",
            ], in: scratch)
        defer { process.send(SIGKILL) }
        #expect(Shoal.eventually(within: 30) { process.errors.contains("--token") })
        let match = try #require(process.errors.firstMatch(of: /page: (http:\S+)/))
        #expect(
            Shoal.eventually(within: 30) { Self.get("\(match.1)metrics")?.contains("shoal_workers") == true })
        #expect(!process.errors.contains("ipc://"))
        process.send(SIGTERM)
        _ = try process.wait()
        for wrong in ["8080", "127.0.0.1:99999", ":80"] {
            let outcome = try Shoal.run(["train", config, "--output", "other", "--http", wrong], in: scratch)
            #expect(outcome.status == 64 && outcome.errors.contains("HOST:PORT"), "\(outcome)")
        }
    }
}
