import Foundation
import Testing

@Suite(.enabled(if: NetworkNamespaces.areAllowed, "a lab needs root and iproute2"), .serialized)
struct LabTests {
    private static func namespaces(of name: String) throws -> [String] {
        let folder = "/run/netns"
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix("shoal-lab-\(name)")
        }
    }

    @Test("hosts on limited links train the same adapter as one machine, and go away again")
    func trainsInALab() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let name = "t\(getpid())"
        let alone = try Shoal.run(
            ["train", config, "--workers", "1", "--threads", "1", "--output", "alone"], in: scratch)
        #expect(alone.status == 0, "\(alone)")
        let lab = try Shoal.run(
            [
                "lab", "up", "2", config, "--rate", "100mbit", "--name", name, "--threads", "1", "--output",
                "lab",
            ], in: scratch)
        #expect(lab.status == 0, "\(lab)")
        #expect(try RunFolder("lab", in: scratch).adapter() == RunFolder("alone", in: scratch).adapter())
        #expect(try RunFolder("lab", in: scratch).metrics().allSatisfy { $0.workers == 2 })
        #expect(try Self.namespaces(of: name).isEmpty)
    }

    @Test("a lab stands until it is taken down")
    func standsUntilDown() throws {
        let scratch = try Scratch()
        let name = "s\(getpid())"
        let up = try Shoal.run(["lab", "up", "2", "--rate", "50mbit", "--name", name], in: scratch)
        defer { _ = try? Shoal.run(["lab", "down", "--name", name], in: scratch) }
        #expect(up.status == 0, "\(up)")
        let again = try Shoal.run(["lab", "up", "1", "--name", name], in: scratch)
        #expect(again.status == 64 && again.errors.contains("already"), "\(again)")
        let limit = try Shoal.run(
            ["lab", "exec", "1", "--name", name, "--", "tc", "qdisc", "show", "dev", "eth0"], in: scratch)
        #expect(limit.output.contains("tbf") && limit.output.contains("50Mbit"), "\(limit)")
        let list = try Shoal.run(["lab", "list", "--name", name], in: scratch)
        #expect(list.output.split(separator: "\n").count == 4, "\(list)")
        let down = try Shoal.run(["lab", "down", "--name", name], in: scratch)
        #expect(down.status == 0, "\(down)")
        #expect(try Self.namespaces(of: name).isEmpty)
    }

    @Test("what a lab cannot have is refused in tc's own words or ours, and leaves nothing behind")
    func refusals() throws {
        let scratch = try Scratch()
        let name = "r\(getpid())"
        let refused = try Shoal.run(["lab", "up", "1", "--rate", "0.001bit", "--name", name], in: scratch)
        #expect(refused.status == 69 && refused.errors.contains("tbf"), "\(refused)")
        let unknown = try Shoal.run(["lab", "up", "1", "--rate", "fast", "--name", name], in: scratch)
        #expect(unknown.status == 64 && unknown.errors.contains("100mbit"), "\(unknown)")
        let none = try Shoal.run(["lab", "down", "--name", name], in: scratch)
        #expect(none.status == 64, "\(none)")
        #expect(try Self.namespaces(of: name).isEmpty)
    }
}
