import Foundation
import Testing

/// Keys from the command line to the sockets: who gets in, and who says so when nobody checks.
@Suite(.serialized) struct KeysTests {
    /// The folder of fresh keys.
    private func makeKeys(_ name: String, in scratch: Scratch) throws -> String {
        let made = try Shoal.run(["keys", "new", scratch.path(name)], in: scratch, name: "keys-\(name)")
        try #require(made.status == 0, "\(made)")
        return scratch.path(name)
    }

    private func permissions(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("shoal keys new makes key files for their owner alone, and never replaces them")
    func newKeys() throws {
        let scratch = try Scratch()
        let keys = try makeKeys("keys", in: scratch)
        for name in ["coordinator.key", "worker.key"] { #expect(try permissions(keys + "/" + name) == 0o600) }
        let before = try Data(contentsOf: URL(filePath: keys + "/worker.key"))
        let again = try Shoal.run(["keys", "new", keys], in: scratch, name: "again")
        #expect(again.status != 0 && again.errors.contains("exists"), "\(again)")
        #expect(try Data(contentsOf: URL(filePath: keys + "/worker.key")) == before)
    }

    @Test("key files that others may read are refused by coordinator and worker, with the command that helps")
    func refusesOpenKeyFiles() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let keys = try makeKeys("keys", in: scratch)
        let address = "tcp://127.0.0.1:\(try FreePort.find())"
        for (name, command) in [
            (
                "coordinator.key",
                ["coordinator", config, "--listen", address, "--keys", keys, "--output", scratch.path("run")]
            ),
            ("worker.key", ["worker", "--connect", address, "--keys", keys, "--base", TinyRun.base.path]),
        ] {
            let path = keys + "/" + name
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
            let refused = try Shoal.run(command, in: scratch, name: name, limit: 30)
            #expect(refused.status == 65, "\(refused)")
            #expect(refused.errors.contains("chmod 600 \(path)"), "\(refused)")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        #expect(!RunFolder("run", in: scratch).hasAdapter)
    }

    @Test("on loopback too, a worker with other keys, or with none, does not get in; one with the keys does")
    func onlyKnownKeysGetIn() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let keys = try makeKeys("keys", in: scratch)
        let others = try makeKeys("others", in: scratch)
        // The stranger knows the coordinator's public key, which is no secret.
        try Data(contentsOf: URL(filePath: keys + "/coordinator.pub"))
            .write(to: URL(filePath: others + "/coordinator.pub"))
        let address = "tcp://127.0.0.1:\(try FreePort.find())"
        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", address, "--min-workers", "1", "--keys", keys, "--output",
                scratch.path("run"),
            ], in: scratch, name: "coordinator")
        let worker = [
            "worker", "--connect", address, "--base", TinyRun.base.path, "--threads", "1", "--orphan-timeout",
            "2",
        ]
        let stranger = try Shoal.run(worker + ["--keys", others], in: scratch, name: "stranger", limit: 30)
        #expect(stranger.status == 69 && stranger.errors.contains("does not admit"), "\(stranger)")
        let plain = try Shoal.run(worker + ["--insecure"], in: scratch, name: "plain", limit: 30)
        #expect(plain.status == 69, "\(plain)")
        let bare = try Shoal.run(worker, in: scratch, name: "bare", limit: 30)
        #expect(bare.status == 64 && bare.errors.contains("--insecure"), "\(bare)")
        try #require(coordinator.isRunning, "\(coordinator.errors)")

        let admitted = try Shoal.start(worker + ["--keys", keys], in: scratch, name: "admitted")
        let outcome = try coordinator.wait()
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try admitted.wait(limit: 20).status == 0)
        let metrics = try RunFolder("run", in: scratch).metrics()
        #expect(metrics.allSatisfy { ($0.connectionsRefused ?? 0) >= 2 }, "\(metrics)")
    }

    @Test("--insecure says so at every start, even with --quiet, and its workers train")
    func insecureSaysSo() throws {
        let scratch = try Scratch()
        let config = try TinyRun().write(to: scratch)
        let address = "tcp://127.0.0.1:\(try FreePort.find())"
        let coordinator = try Shoal.start(
            [
                "coordinator", config, "--listen", address, "--min-workers", "1", "--insecure", "--quiet",
                "--output",
                scratch.path("run"),
            ], in: scratch, name: "coordinator")
        let worker = try Shoal.start(
            [
                "worker", "--connect", address, "--base", TinyRun.base.path, "--insecure", "--quiet",
                "--threads", "1",
            ],
            in: scratch, name: "worker")
        let ends = [try coordinator.wait(), try worker.wait(limit: 20)]
        for end in ends {
            #expect(end.status == 0, "\(end)")
            #expect(end.errors.contains("--insecure: TCP is neither encrypted nor authenticated"), "\(end)")
        }
        for extra in [["--keys", "x"], ["--token", "x"]] {
            let both = try Shoal.run(
                ["worker", "--connect", address, "--base", TinyRun.base.path, "--insecure"] + extra,
                in: scratch,
                name: "both", limit: 30)
            #expect(both.status == 64, "\(both)")
        }
    }

    @Test("shoal train opens no TCP port: its sockets lie in a folder for this user alone")
    func trainListensLocally() throws {
        let scratch = try Scratch()
        let config = try TinyRun(maxSteps: 400, checkpointEvery: 400).write(to: scratch)
        let train = try Shoal.start(
            ["train", config, "--workers", "2", "--threads", "1", "--output", scratch.path("run")],
            in: scratch)
        let run = RunFolder("run", in: scratch)
        let began = try Shoal.eventually(within: 60) { try run.metrics().count > 3 || !train.isRunning }
        try #require(began && train.isRunning, "\(train.errors)")
        let processes = scratch.processes()
        #expect(processes.count == 3)
        for process in processes {
            let inodes = Self.socketInodes(of: process)
            #expect(!inodes.isEmpty)
            #expect(inodes.isDisjoint(with: Self.tcpInodes()), "process \(process) has a TCP socket")
        }
        let folder = try #require(
            Self.unixPaths().first { $0.contains("/shoal-") && $0.hasSuffix("/control") })
        #expect(try permissions(URL(filePath: folder).deletingLastPathComponent().path) == 0o700)
        #expect(try train.wait().status == 0)
    }

    private static func socketInodes(of process: pid_t) -> Set<String> {
        let folder = "/proc/\(process)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return Set(
            names.compactMap { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)
                return target?.firstMatch(of: /socket:\[(\d+)\]/).map { String($0.1) }
            })
    }

    /// Inodes of all TCP sockets of the machine.
    private static func tcpInodes() -> Set<String> {
        Set(
            ["tcp", "tcp6"].flatMap { name in
                ((try? String(contentsOfFile: "/proc/net/\(name)", encoding: .utf8)) ?? "").split(
                    separator: "\n"
                )
                .dropFirst().compactMap { line in
                    let fields = line.split(separator: " ")
                    return fields.count > 9 ? String(fields[9]) : nil
                }
            })
    }

    private static func unixPaths() -> [String] {
        ((try? String(contentsOfFile: "/proc/net/unix", encoding: .utf8)) ?? "").split(separator: "\n")
            .compactMap { $0.split(separator: " ").last.map(String.init) }.filter { $0.hasPrefix("/") }
    }
}
