import Bases
import Cluster
import Coordination
import DurableFiles
import Foundation
import Synchronization
import Testing
import Transports
import WireProtocol
import ZeroMQ

@Suite(.serialized) struct BaseExchangeTests {
    /// A value that several threads fill and read.
    final class Box<Value: Sendable>: Sendable {
        private let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
        var content: Value { value.withLock { $0 } }
        func change(_ body: (inout Value) -> Void) { value.withLock { body(&$0) } }
    }

    /// A coordinator that never begins, with a base of some megabytes, and workers' caches.
    final class Swarm {
        let folder: URL
        let base: URL
        let driver = FakeDriver(stepCount: 1)
        let keys: ClusterKeys
        private(set) var address = ""
        private let service: CoordinatorService
        private let running: TestCluster.Running<RunEnding>
        private let lines = Box<[String]>([])

        init(byteCount: Int = 5_000_000) throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "shoal-\(UUID().uuidString)")
            base = folder.appendingPathComponent("base")
            try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
            var random = SystemRandomNumberGenerator()
            let weights = (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
            try Data(weights).write(to: base.appendingPathComponent("model.safetensors"))
            try Data("{}".utf8).write(to: base.appendingPathComponent("config.json"))
            try Data().write(to: base.appendingPathComponent("merges.txt"))
            keys = try .ephemeral()
            var settings = CoordinatorService.Settings(listen: ["tcp://127.0.0.1:*"])
            settings.security = .curve(keys: keys.coordinator, workerKeys: [keys.worker.publicKey])
            settings.baseFiles = ["config.json", "merges.txt", "model.safetensors"].map { [base] in
                base.appendingPathComponent($0).path
            }
            settings.tickInterval = .milliseconds(50)
            settings.partingTime = .seconds(1)
            let options = CoordinatorOptions(
                runID: driver.runID, term: 1, parameterCount: driver.parameterCount, baseDigest: "base")
            let service = CoordinatorService(settings: settings, options: options, driver: driver)
            self.service = service
            let bound = Box("")
            let isBound = DispatchSemaphore(value: 0)
            running = TestCluster.Running { [bound, isBound] in
                try service.run { endpoints in
                    bound.change { $0 = endpoints[0] }
                    isBound.signal()
                }
            }
            try #require(isBound.wait(timeout: .now() + 10) == .success)
            address = bound.content
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func settings(_ name: String, keys other: CurveKeys? = nil) -> BaseExchange.Settings {
            var settings = BaseExchange.Settings(
                coordinator: address, cache: CacheStore(root: folder.appendingPathComponent(name).path))
            settings.security = .curve(
                keys: other ?? keys.worker, coordinatorKey: keys.coordinator.publicKey)
            settings.log = { [lines] line in lines.change { $0.append("\(name): \(line)") } }
            settings.orphanTimeout = .seconds(1)
            return settings
        }

        var log: [String] { lines.content }
        func events(_ name: String) -> [[String: String]] {
            driver.state.withLock { $0.events.filter { $0.event == name }.map(\.details) }
        }

        func expectWhole(_ path: String) throws {
            for name in ["model.safetensors", "config.json", "merges.txt"] {
                let fetched = try Data(contentsOf: URL(fileURLWithPath: path).appendingPathComponent(name))
                #expect(try fetched == Data(contentsOf: base.appendingPathComponent(name)), "\(name)")
            }
        }

        func end() throws {
            service.interrupt(reason: "the test is over")
            _ = try running.wait(seconds: 20)
        }
    }

    @Test("four workers at once get the whole base, and the coordinator gives each chunk once")
    func atOnce() throws {
        let swarm = try Swarm()
        let exchanges = try (0..<4).map { try BaseExchange(swarm.settings("cache\($0)")) }
        let fetches = exchanges.map { exchange in TestCluster.Running { try exchange.fetch() } }
        for fetch in fetches {
            let fetched = try fetch.wait(seconds: 60)
            #expect(fetched.baseDigest == "base")
            try swarm.expectWhole(fetched.path)
        }
        // One that comes late costs the coordinator nothing.
        let late = try BaseExchange(swarm.settings("late"))
        try swarm.expectWhole(try TestCluster.Running { try late.fetch() }.wait(seconds: 60).path)
        let deadline = Date(timeIntervalSinceNow: 5)
        while swarm.events("base_fetched").count < 5, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.01)
        }
        let fetched = swarm.events("base_fetched")
        #expect(fetched.count == 5)
        #expect(
            fetched.allSatisfy { $0["chunks"] == "21" && $0["chunks_given_to_all"] == "21" }, "\(fetched)")
        #expect(fetched.last?["chunks_from_coordinator"] == "0")
        // In the cache it is listed, and found by the next process.
        let cache = CacheStore(root: swarm.folder.appendingPathComponent("late").path)
        #expect(try cache.list().map(\.byteCount) == [5_000_002])
        late.close()
        let again = try BaseExchange(swarm.settings("late"))
        _ = try TestCluster.Running { try again.fetch() }.wait(seconds: 20)
        #expect(swarm.log.contains("late: the base is in the cache: 5 MB"))
        again.close()
        #expect(try cache.prune().count == 1)
        for exchange in exchanges { exchange.close() }
        try swarm.end()
    }

    @Test("a worker that has the base anyway gives it, unless its files are others")
    func given() throws {
        let swarm = try Swarm()
        let names = ["config.json", "merges.txt", "model.safetensors"]
        func giver(_ name: String, _ change: (URL) throws -> Void = { _ in }) throws -> BaseExchange {
            let copy = swarm.folder.appendingPathComponent(name)
            try FileManager.default.copyItem(at: swarm.base, to: copy)
            try change(copy)
            var settings = swarm.settings(name)
            settings.givenFiles = names.map { copy.appendingPathComponent($0).path }
            let exchange = try BaseExchange(settings)
            exchange.give()
            return exchange
        }
        func awaitLine(_ text: String) -> Bool {
            let deadline = Date(timeIntervalSinceNow: 10)
            while !swarm.log.contains(text), Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
            return swarm.log.contains(text)
        }
        let good = try giver("good")
        let other = try giver("other") {
            let weights = try FileHandle(forWritingTo: $0.appendingPathComponent("model.safetensors"))
            try weights.seek(toOffset: 4_999_999)
            let last = try Data(contentsOf: swarm.base.appendingPathComponent("model.safetensors")).suffix(1)
            try weights.write(contentsOf: Data(last.map { ~$0 }))
        }
        // Nobody lacks it: the coordinator has not read its files, and nobody compares.
        Thread.sleep(forTimeInterval: 0.3)
        #expect(swarm.log.isEmpty)
        let first = try BaseExchange(swarm.settings("first"))
        try swarm.expectWhole(try TestCluster.Running { try first.fetch() }.wait(seconds: 60).path)
        #expect(awaitLine("good: others can get the base from here: 5 MB"))
        #expect(
            awaitLine(
                "other: others get the base elsewhere: the coordinator's lies in other files than this one"))
        first.close()
        // Only the one that was started with it is left to give it.
        let second = try BaseExchange(swarm.settings("second"))
        try swarm.expectWhole(try TestCluster.Running { try second.fetch() }.wait(seconds: 60).path)
        #expect(
            swarm.log.contains(
                "second: the base is here: 0 chunks from the coordinator, 21 from other workers"))
        for exchange in [good, other, second] { exchange.close() }
        try swarm.end()
    }

    @Test("who looks at the run is told who still fetches the base, and how much is there")
    func status() throws {
        let swarm = try Swarm()
        let events = try EventLoop(name: "half-io", context: try ZMQContext())
        defer { events.stop() }
        // One that says what it pleases.
        let manifest = Box<BaseManifest?>(nil)
        let hasManifest = DispatchSemaphore(value: 0)
        let security = ClientSecurity.curve(
            keys: swarm.keys.worker, serverKey: swarm.keys.coordinator.publicKey)
        let link = try events.run { [address = swarm.address] io in
            let client = try ControlClient(io, endpoint: address, security: security)
            client.onMessage = { envelope in
                guard case .baseManifest(let message) = envelope.body else { return }
                manifest.change { $0 = message }
                hasManifest.signal()
            }
            _ = client.send(Envelope(header: Envelope.Header(), body: .baseRequest(BaseRequest())))
            return io.bind(client)
        }
        try #require(hasManifest.wait(timeout: .now() + 10) == .success)
        let cache = CacheStore(root: swarm.folder.appendingPathComponent("half").path)
        let path = try FetchedBase(try #require(manifest.content), cache: cache, log: { _ in }).path
        let digest = try #require(Digest(hex: String(path.suffix(2 * Digest.byteCount))))
        func say(_ held: [UInt8]) {
            let progress = BaseProgress(
                manifestDigest: digest.bytes, endpoint: "", publicKey: "", held: held, faults: [],
                host: "half", processID: 42)
            events.post { io in
                _ = link(io).send(Envelope(header: Envelope.Header(), body: .baseProgress(progress)))
            }
        }
        let client = try StatusClient(
            address: swarm.address,
            security: .curve(keys: swarm.keys.worker, coordinatorKey: swarm.keys.coordinator.publicKey))
        defer { client.close() }
        /// Asks until there are so many.
        func members(_ count: Int) throws -> [MemberStatus] {
            let deadline = Date(timeIntervalSinceNow: 10)
            while true {
                let members = try client.report().members
                if members.count == count || Date() > deadline { return members }
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
        #expect(try members(0).isEmpty)
        // Seven of 21 chunks.
        say([0x7F, 0, 0])
        let half = try #require(try members(1).first)
        #expect(half.state == .fetching && half.host == "half" && half.processID == 42)
        #expect(half.fetchedByteCount == 1_666_667 && half.baseByteCount == 5_000_002, "\(half)")
        say([0xFF, 0xFF, 0x1F])
        #expect(try members(0).isEmpty)
        events.post { io in link(io).close(linger: .zero) }
        try swarm.end()
    }

    @Test("a worker that gives wrong bytes is named and left, and the base is whole")
    func wrongBytes() throws {
        let swarm = try Swarm()
        let first = try BaseExchange(swarm.settings("first"))
        let path = try TestCluster.Running { try first.fetch() }.wait(seconds: 60).path
        let weights = URL(fileURLWithPath: path).appendingPathComponent("model.safetensors")
        try Data(repeating: 7, count: 5_000_000).write(to: weights)
        let second = try BaseExchange(swarm.settings("second"))
        try swarm.expectWhole(try TestCluster.Running { try second.fetch() }.wait(seconds: 60).path)
        let deadline = Date(timeIntervalSinceNow: 5)
        while swarm.events("base_fault").isEmpty, Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
        let fault = try #require(swarm.events("base_fault").first)
        #expect(fault["what"] == "sent wrong bytes")
        let peer = try #require(fault["peer"])
        #expect(
            swarm.log.contains { $0.hasPrefix("second: the worker at \(peer) sent wrong bytes") },
            "\(swarm.log)")
        // The damaged one mends itself.
        try first.disown()
        first.close()
        let mended = try BaseExchange(swarm.settings("first"))
        try swarm.expectWhole(try TestCluster.Running { try mended.fetch() }.wait(seconds: 60).path)
        mended.close()
        second.close()
        try swarm.end()
    }

    @Test("a key that is not let in, and a run that ends, are said")
    func unwelcome() throws {
        let swarm = try Swarm(byteCount: 800)
        let stranger = try BaseExchange(swarm.settings("stranger", keys: CurveKeys.generate()))
        let error = #expect(throws: ClusterError.self) {
            try TestCluster.Running { try stranger.fetch() }.wait(seconds: 20)
        }
        #expect(error?.code == .unreachable)
        #expect(
            error?.message.contains("does not admit this worker's key") == true, "\(error?.message ?? "")")
        stranger.close()
        try swarm.end()
        let late = try BaseExchange(swarm.settings("late"))
        let gone = #expect(throws: ClusterError.self) {
            try TestCluster.Running { try late.fetch() }.wait(seconds: 20)
        }
        // Another test's socket may have the port by now.
        #expect(
            gone?.message.contains("nobody answers there") == true
                || gone?.message.contains("whoever answers there is no coordinator") == true,
            "\(gone?.message ?? "")")
        late.close()
    }

    @Test(
        "a manifest whose names are not those of a base, or lead elsewhere, is refused",
        arguments: [
            "../model.safetensors", "/etc/passwd.gguf", "a/b.gguf", ".hidden.gguf", "model.bin", "",
            "x\0.gguf",
            "..", "run.sh",
        ])
    func names(name: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "shoal-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let manifest = BaseManifest(
            baseDigest: "", chunkByteCount: 4, files: [.init(name: name, byteCount: 0, chunkDigests: [])])
        let cache = CacheStore(root: folder.path)
        let error = #expect(throws: ClusterError.self) {
            try FetchedBase(manifest, cache: cache, log: { _ in })
        }
        #expect(error?.code == .badState)
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        #expect(Base.isFileName("model-00001-of-00002.safetensors") && Base.isFileName("tokenizer.json"))
        #expect(Base.fileName(ofPath: "/x/Mein Modell.gguf") == "Mein_Modell.gguf")
    }

    @Test("a base that does not fit on the disk is refused before anything is written")
    func noSpace() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "shoal-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let chunks = 60_000
        let manifest = BaseManifest(
            baseDigest: "", chunkByteCount: 8 << 20,
            files: [
                .init(
                    name: "model.gguf", byteCount: UInt64(chunks) * 8 << 20,
                    chunkDigests: [UInt8](repeating: 0, count: chunks * 32))
            ])
        let error = #expect(throws: DurableFileError.self) {
            try FetchedBase(manifest, cache: CacheStore(root: folder.path), log: { _ in })
        }
        #expect(error?.code == .noSpace)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/fetched/model.gguf"))
    }
}
