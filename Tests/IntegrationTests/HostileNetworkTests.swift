import Cluster
import Foundation
import Testing
import WireProtocol
import ZeroMQ

/// A live run whose every port is attacked: it goes on to the bytes of an undisturbed one, counts what it turned away, and
/// does not grow. All on loopback, with fixed numbers of connections.
@Suite(.serialized) struct HostileNetworkTests {
    private static let rate = "training.lr_scheduler_type=constant"

    /// A coordinator and two workers with keys, and the ports they listen on.
    private struct Victims {
        let scratch: Scratch
        let config: String
        let keys: ClusterKeys
        let coordinator: RunningProcess
        let workers: [RunningProcess]
        /// The coordinator's, then the workers'.
        let ports: [Int]
        let run: RunFolder

        var processes: [pid_t] { ([coordinator] + workers).map(\.processIdentifier) }

        init() throws {
            let scratch = try Scratch()
            self.scratch = scratch
            // Longer than any attack, with a rate that does not depend on the length.
            config = try TinyRun(maxSteps: 1_000_000, checkpointEvery: 1_000_000).write(to: scratch)
            let directory = scratch.path("keys")
            keys = try ClusterKeys.make(in: directory)
            var numbers: [Int] = []
            while numbers.count < 3 {
                let port = try FreePort.find()
                if !numbers.contains(port) { numbers.append(port) }
            }
            ports = numbers
            let address = "tcp://127.0.0.1:\(numbers[0])"
            coordinator = try Shoal.start(
                [
                    "coordinator", config, "--listen", address, "--min-workers", "2", "--keys", directory,
                    "--output",
                    scratch.path("run"), "--set", "cluster.lost_after_seconds=20",
                    "--set", HostileNetworkTests.rate,
                ], in: scratch, name: "coordinator")
            workers = try (1...2).map { index in
                try Shoal.start(
                    [
                        "worker", "--connect", address, "--keys", directory, "--base", TinyRun.base.path,
                        "--threads",
                        "1", "--data-port", "\(numbers[index])",
                    ], in: scratch, name: "worker-\(index)")
            }
            run = RunFolder("run", in: scratch)
            try #require(reaches(step: 20), "\(coordinator.errors)\n\(workers.map(\.errors))")
        }

        /// Steps done so far: lines of `metrics.jsonl`.
        private func stepCount() -> Int {
            let bytes = try? Data(contentsOf: run.folder.appendingPathComponent("metrics.jsonl"))
            return bytes?.count { $0 == UInt8(ascii: "\n") } ?? 0
        }

        /// Waits for the run to get on.
        func reaches(step: Int) -> Bool {
            Shoal.eventually(within: 60) {
                stepCount() >= step || !coordinator.isRunning || !workers.allSatisfy(\.isRunning)
            } && stepCount() >= step
        }

        /// Waits for a few more steps, which shows that the run goes on under what was just done.
        func goesOn(_ what: String) throws {
            try #require(reaches(step: stepCount() + 3), "after \(what): \(coordinator.errors)")
        }
    }

    @Test("a run under attack gives the bytes of an undisturbed one, counts what it drops, and does not grow")
    func survives() throws {
        let victims = try Victims()
        let before = victims.processes.map(HostilePeer.peakMegabytes)
        try strangers(victims)
        try admittedPeer(victims)

        let during = victims.processes.map(HostilePeer.peakMegabytes)
        // A sanitizer has memory of its own (scripts/test --sanitize).
        if ProcessInfo.processInfo.environment["SHOAL_SANITIZER"] == nil {
            for (was, peak) in zip(before, during) {
                #expect(peak < was + 256, "a process grew from \(was) to \(peak) MiB")
            }
        }
        victims.coordinator.send(SIGTERM)
        let outcome = try victims.coordinator.wait(limit: 60)
        #expect(outcome.status == 75, "\(outcome)")
        for worker in victims.workers { #expect(try worker.wait(limit: 20).status == 0) }
        let metrics = try victims.run.metrics()
        #expect(metrics.map(\.step) == Array(1...metrics.count))
        let checkpoint = try #require(victims.run.checkpoints().last)
        let steps = try #require(Int(checkpoint.dropFirst("step-".count)))
        #expect(steps == metrics.count)

        // As many steps, undisturbed.
        let trained = try Shoal.run(
            [
                "train", victims.config, "--workers", "1", "--threads", "1", "--output",
                victims.scratch.path("expected"), "--set", Self.rate, "--set", "training.max_steps=\(steps)",
            ], in: victims.scratch, name: "train", limit: 300)
        try #require(trained.status == 0, "\(trained)")
        let adapter = victims.run.folder.appendingPathComponent(
            "checkpoints/\(checkpoint)/adapter_model.safetensors")
        #expect(try Data(contentsOf: adapter) == RunFolder("expected", in: victims.scratch).adapter())
        let last = try #require(metrics.last)
        #expect(try #require(last.connectionsRefused) >= 600, "\(last)")
        #expect(try #require(last.messagesDropped) >= 300, "\(last)")
        let events = try String(
            contentsOf: victims.run.folder.appendingPathComponent("events.jsonl"), encoding: .utf8)
        #expect(events.contains(#""event":"dropped""#))
        #expect(events.utf8.count < 1 << 20, "\(events.utf8.count) bytes of events")
    }

    // MARK: - Who has no key

    private func strangers(_ victims: Victims) throws {
        var random = SystemRandomNumberGenerator()
        func junk(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let noise = HostilePeer()
        let liars = HostilePeer()
        let crowd = HostilePeer()
        let slow = HostilePeer()
        for port in victims.ports {
            noise.open(100, port: port) { junk($0 * 11) }
            // A greeting, and then: noise; a frame of 2⁶² bytes; one of 64 MiB that never comes; no CURVE at all.
            liars.open(100, port: port) { index in
                switch index % 4 {
                case 0: HostilePeer.greeting("CURVE") + junk(500)
                case 1: HostilePeer.greeting("CURVE") + [0x06, 0x40, 0, 0, 0, 0, 0, 0, 0] + junk(100)
                case 2: HostilePeer.greeting("CURVE") + [0x06, 0, 0, 0, 0, 4, 0, 0, 0] + junk(100)
                default: HostilePeer.greeting("NULL") + [0x04, 0x19, 5] + Array("READY".utf8) + junk(19)
                }
            }
            slow.open(20, port: port) { _ in [0xFF] }
        }
        try victims.goesOn("noise and liars")
        // Silent connections, thousands of them, held open.
        var opened = 0
        for port in victims.ports { opened += crowd.open(1000, port: port) { _ in [] } }
        #expect(opened > 2500, "only \(opened) of 3000 connections were accepted")
        try victims.goesOn("\(opened) silent connections")
        // A byte a second, until the handshake's deadline of 10 s has passed.
        let rest = HostilePeer.greeting("CURVE").dropFirst()
        var open = 60
        for byte in rest.prefix(14) {
            open = slow.trickle([byte])
            Thread.sleep(forTimeInterval: 1)
        }
        #expect(open == 0, "\(open) connections still trickle after the handshake's deadline")
        #expect(
            crowd.trickle([0xFF]) == 0 || crowd.trickle([0xFF]) == 0,
            "silent connections outlive the deadline")
        try victims.goesOn("slow connections")
    }

    // MARK: - Who has a key

    /// A peer with the workers' key that keeps no rule.
    private func admittedPeer(_ victims: Victims) throws {
        let context = try ZMQContext()
        func connect(port: Int) throws -> ZMQSocket {
            let socket = try ZMQSocket(
                context, .dealer,
                options: ZMQSocketOptions(
                    security: .curveClient(
                        keys: victims.keys.worker, serverKey: victims.keys.coordinator.publicKey)))
            try socket.connect("tcp://127.0.0.1:\(port)")
            return socket
        }
        let control = try connect(port: victims.ports[0])
        func send(_ frames: [[UInt8]]) throws {
            for _ in 0..<1000 {
                if try control.send(frames) == .sent { return }
                Thread.sleep(forTimeInterval: 0.005)
            }
            Issue.record("the coordinator takes no messages")
        }
        let term: UInt64 = 1
        // Bytes that are no message, messages of another version, with too many or too few frames.
        for index in 0..<50 {
            try send([[UInt8](repeating: UInt8(index), count: index * 100)])
            try send([[0x0D, 9, 0, 0, 0, 1]])
            try send([try head(.heartbeat(Heartbeat(sequence: 1)))] + (0..<index).map { _ in [1, 2, 3] })
        }
        // Chunks whose payload is not what they declare, and counts at their extremes.
        for _ in 0..<50 {
            let chunk = StateChunk(
                section: .parameters, elementOffset: .max - 8, elementCount: 8, sectionElementCount: .max,
                checksum: 0,
                isLast: true, stateDigest: [])
            try send([try head(.stateChunk(chunk)), [UInt8](repeating: 0, count: 32)])
            try send([try head(.stateChunk(chunk)), [UInt8](repeating: 0, count: 31)])
        }
        // In the name of a worker, of this run and others, of steps far off: it is not that worker's connection.
        for step in [0, 1, 2, UInt64.max] {
            for sender in [1, 2, UInt32.max] {
                for body: Envelope.Body in [
                    .leafComputed(
                        LeafComputed(
                            leaf: 65_535, lossSum: .nan, tokenCount: .max, seconds: -1, isFinite: false)),
                    .prepared(
                        Prepared(
                            gradientDigest: [], computeSeconds: .nan, reduceSeconds: 0,
                            exposedReduceSeconds: 0,
                            bytesSent: .max, bytesReceived: .max, peakResidentBytes: .max)),
                    .applied(Applied(stateDigest: [], gradientNorm: .infinity)), .leave(Leave(reason: "bye")),
                    .errorReport(ErrorReport(code: 70, message: "the sky falls")),
                    .commit(
                        Commit(
                            gradientDigest: [], tokenCount: 1, learningRate: 1, biasCorrection1: 1,
                            biasCorrection2: 1)),
                ] {
                    try send([try head(body, step: step, sender: sender, term: term)])
                    try send([try head(body, step: step, sender: sender, term: .max)])
                }
            }
        }
        // Registrations of another base, and with addresses that would stop the others.
        for index in 0..<200 {
            let register = Register(
                shoalVersion: "0", host: "evil", processID: 1, baseDigest: "\(index)",
                numerics: NumericsFingerprint(blas: "", core: "", kernels: ""), threadCount: .max,
                dataEndpoint: index % 2 == 0 ? "tcp://127.0.0.1:9" : "nonsense", publicKey: "")
            try send([try MessageCodec.encodeHead(Envelope(header: .init(), body: .register(register)))])
        }
        try victims.goesOn("an admitted peer without rules")
        // Frames above the limit end the connection; it is made again.
        for _ in 0..<5 {
            _ = try? control.send([[UInt8](repeating: 7, count: 20 << 20)])
            Thread.sleep(forTimeInterval: 0.3)
        }
        // The workers' common key opens no data port.
        for port in victims.ports.dropFirst() {
            let data = try connect(port: port)
            _ = try? data.send([[1, 2, 3]])
            Thread.sleep(forTimeInterval: 0.5)
        }
        try victims.goesOn("frames above the limit")
    }

    private func head(
        _ body: Envelope.Body, step: UInt64 = 1, sender: UInt32 = 1, term: UInt64 = 1
    ) throws -> [UInt8] {
        try MessageCodec.encodeHead(
            Envelope(
                header: .init(runID: 1, term: term, generation: 1, step: step, sender: sender), body: body))
    }
}
