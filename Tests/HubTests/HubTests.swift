import DurableFiles
import Foundation
import Hub
import Logging
import NIOCore
import NIOHTTP1
import Testing

@Suite struct HubTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let weights = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    /// A directory, a stub and a client, all gone afterwards.
    private func withHub(
        _ behaviour: StubHub.Behaviour? = nil, token: String? = nil,
        _ body: (StubHub, Hub, String) async throws -> Void
    ) async throws {
        let home = FileManager.default.temporaryDirectory.path + "/shoal-hub-" + UUID().uuidString
        let stub = try await StubHub(behaviour ?? model)
        var configuration = HubConfiguration(endpoint: stub.endpoint.url, token: token, cacheDirectory: home)
        configuration.retryDelay = .milliseconds(1)
        configuration.connectTimeout = .seconds(1)
        configuration.attemptLimit = 3
        do {
            try await body(stub, Hub(configuration: configuration, logger: quiet), home)
        } catch {
            Issue.record(error)
        }
        await stub.stop()
        try? AtomicDirectory.remove(home)
    }

    private var model: StubHub.Behaviour {
        StubHub.Behaviour(
            files: [
                "config.json": Array("{\"model_type\": \"llama\"}".utf8), "tokenizer.json": Array("{}".utf8),
                "README.md": Array("no business of ours".utf8), "model.safetensors": weights,
            ],
            large: ["model.safetensors"])
    }

    private func reference(_ text: String = "org/model") throws -> HubReference {
        try #require(HubReference(text))
    }

    private func failure(_ hub: Hub, _ text: String = "org/model") async throws -> HubError {
        let reference = try reference(text)
        let error = await #expect(throws: HubError.self) { try await hub.snapshot(of: reference) }
        return try #require(error)
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test func aFreshModelIsLaidOutAsTransformersExpects() async throws {
        try await withHub { stub, hub, home in
            let path = try await hub.snapshot(of: reference())
            #expect(path == "\(home)/models--org--model/snapshots/\(StubHub.commit)")
            #expect(try bytes(path + "/model.safetensors") == weights)
            #expect(try bytes(path + "/config.json") == Array("{\"model_type\": \"llama\"}".utf8))
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            #expect(names == ["config.json", "model.safetensors", "tokenizer.json"])
            let link = try FileManager.default.destinationOfSymbolicLink(atPath: path + "/model.safetensors")
            #expect(link == "../../blobs/" + Digest.sha256(weights).hex)
            let small = try FileManager.default.destinationOfSymbolicLink(atPath: path + "/tokenizer.json")
            #expect(small == "../../blobs/" + gitDigest(Array("{}".utf8)))
            let main = try String(contentsOfFile: "\(home)/models--org--model/refs/main", encoding: .utf8)
            #expect(main == StubHub.commit)
            let blobs = try FileManager.default.contentsOfDirectory(
                atPath: "\(home)/models--org--model/blobs")
            #expect(blobs.count == 3 && !blobs.contains { $0.hasSuffix(".incomplete") })
        }
    }

    @Test func aWholeSnapshotNeedsNoNetwork() async throws {
        try await withHub { stub, hub, home in
            let path = try await hub.snapshot(of: reference())
            let asked = stub.endpoint.requests.count
            #expect(try await hub.snapshot(of: reference()) == path)
            #expect(try await hub.snapshot(of: reference("org/model@" + StubHub.commit)) == path)
            #expect(stub.endpoint.requests.count == asked)
            var offline = hub.configuration
            offline.isOffline = true
            #expect(try await Hub(configuration: offline, logger: quiet).snapshot(of: reference()) == path)
        }
    }

    @Test func onlyWhatIsMissingIsFetched() async throws {
        try await withHub { stub, hub, _ in
            let path = try await hub.snapshot(of: reference())
            try FileManager.default.removeItem(atPath: path + "/tokenizer.json")
            let stored = stub.storage.requests.count
            #expect(try await hub.snapshot(of: reference()) == path)
            #expect(try bytes(path + "/tokenizer.json") == Array("{}".utf8))
            #expect(stub.storage.requests.count == stored)
        }
    }

    @Test func shardsComeByTheirIndex() async throws {
        let index = #"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#
        var sharded = model
        sharded.files["model.safetensors"] = nil
        sharded.files["model.safetensors.index.json"] = Array(index.utf8)
        sharded.files["model-1.safetensors"] = [1, 2, 3]
        sharded.files["model-2.safetensors"] = [4, 5]
        sharded.files["model-3.safetensors"] = [6]
        sharded.large = ["model-1.safetensors", "model-2.safetensors", "model-3.safetensors"]
        try await withHub(sharded) { stub, hub, _ in
            let path = try await hub.snapshot(of: reference("org/model@refs/pr/1"))
            #expect(try bytes(path + "/model-2.safetensors") == [4, 5])
            #expect(!FileManager.default.fileExists(atPath: path + "/model-3.safetensors"))
            // A shard that went missing is noticed.
            try FileManager.default.removeItem(atPath: path + "/model-1.safetensors")
            #expect(try await hub.snapshot(of: reference("org/model@refs/pr/1")) == path)
            #expect(try bytes(path + "/model-1.safetensors") == [1, 2, 3])
        }
    }

    @Test func aShardOutsideTheRepositoryIsRefused() async throws {
        var hostile = model
        hostile.files["model.safetensors"] = nil
        hostile.files["model.safetensors.index.json"] = Array(
            #"{"weight_map": {"a": "../../x.safetensors"}}"#.utf8)
        try await withHub(hostile) { _, hub, _ in
            let error = try await failure(hub)
            #expect(error.code == .unsupported)
            #expect(error.message.contains("../../x.safetensors"))
        }
    }

    @Test func aBrokenConnectionIsTakenUpWhereItBroke() async throws {
        var broken = model
        broken.cuts = ["model.safetensors": [100_000, 50_000]]
        try await withHub(broken) { stub, hub, _ in
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
            let ranges = stub.storage.requests.map { $0.headers.first(name: "range") ?? "-" }
            #expect(ranges.count == 3 && ranges[0] == "-")
            // What got through before the cut is kept, but how much of it the client saw is the network's affair.
            for range in ranges.dropFirst() {
                let start = try #require(Int(range.dropFirst("bytes=".count).dropLast()))
                #expect(start > 0 && start <= 150_000)
            }
        }
    }

    @Test func aDownloadThatGaveUpGoesOnInTheNextRun() async throws {
        var broken = model
        broken.cuts = ["model.safetensors": [1000, 1000, 1000]]
        try await withHub(broken) { stub, hub, home in
            #expect(try await failure(hub).code == .unavailable)
            let incomplete = "\(home)/models--org--model/blobs/\(Digest.sha256(weights).hex).incomplete"
            let kept = try #require(FileStatus(path: incomplete)).byteCount
            #expect(kept > 0 && kept <= 3000)
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
            #expect(stub.storage.requests.last?.headers.first(name: "range") == "bytes=\(kept)-")
            #expect(FileStatus(path: incomplete) == nil)
        }
    }

    @Test func aServerWithoutRangesStartsAgain() async throws {
        var broken = model
        broken.cuts = ["model.safetensors": [1000]]
        broken.honoursRange = false
        try await withHub(broken) { _, hub, _ in
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
        }
    }

    @Test(arguments: ["model.safetensors", "config.json"])
    func bytesWithAnotherDigestAreRefusedAndRemoved(_ name: String) async throws {
        var damaged = model
        damaged.damaged = [name]
        try await withHub(damaged) { stub, hub, home in
            let error = try await failure(hub)
            #expect(error.code == .digestMismatch)
            #expect(error.message.contains("org/model/\(name)"))
            let blobs = try FileManager.default.contentsOfDirectory(
                atPath: "\(home)/models--org--model/blobs")
            #expect(!blobs.contains { $0.hasSuffix(".incomplete") })
            let snapshot = "\(home)/models--org--model/snapshots/\(StubHub.commit)"
            #expect(!FileManager.default.fileExists(atPath: snapshot + "/" + name))
            stub.change { $0.damaged = [] }
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
        }
    }

    @Test func aDamagedPartFromBeforeIsNotBuiltUpon() async throws {
        try await withHub { _, hub, home in
            let blobs = "\(home)/models--org--model/blobs"
            try AtomicDirectory.createDirectory(blobs)
            try AtomicFile.write([9, 9, 9], to: "\(blobs)/\(Digest.sha256(weights).hex).incomplete")
            #expect(try await failure(hub).code == .digestMismatch)
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
        }
    }

    @Test func offlineWithoutTheModelSaysWhatIsMissing() async throws {
        try await withHub { stub, hub, _ in
            var configuration = hub.configuration
            configuration.isOffline = true
            let offline = Hub(configuration: configuration, logger: quiet)
            let absent = try await failure(offline)
            #expect(absent.code == .offline)
            #expect(absent.message.contains("not in the cache") && absent.message.contains("HF_HUB_OFFLINE"))
            #expect(stub.endpoint.requests.isEmpty)
            let path = try await hub.snapshot(of: reference())
            try FileManager.default.removeItem(atPath: path + "/model.safetensors")
            #expect(try await failure(offline).message.contains("lacks model.safetensors"))
        }
    }

    @Test func theTokenGoesToTheEndpointAlone() async throws {
        var closed = model
        closed.token = "hf_secret"
        try await withHub(closed, token: "hf_secret") { stub, hub, _ in
            _ = try await hub.snapshot(of: reference())
            #expect(
                stub.endpoint.requests.allSatisfy {
                    $0.headers.first(name: "authorization") == "Bearer hf_secret"
                })
            #expect(stub.storage.requests.count == 1)
            #expect(stub.storage.requests.allSatisfy { !$0.headers.contains(name: "authorization") })
        }
    }

    @Test(arguments: [nil, "hf_wrong"]) func aPrivateRepositoryAsksForTheRightToken(_ token: String?)
        async throws
    {
        var closed = model
        closed.token = "hf_secret"
        try await withHub(closed, token: token) { _, hub, _ in
            let error = try await failure(hub)
            #expect(error.code == .unauthorized)
            #expect(error.message.contains("HF_TOKEN"))
            #expect(!error.message.contains("hf_"))
        }
    }

    @Test(arguments: [
        (HTTPResponseStatus.forbidden, "GatedRepo", HubError.Code.unauthorized, "accept the terms"),
        (.notFound, "RevisionNotFound", .notFound, "no such revision"),
        (.notFound, "RepoNotFound", .notFound, "no such repository"),
        (.badRequest, "", .protocolViolation, "400"),
    ])
    func refusalsAreExplained(
        status: HTTPResponseStatus, reason: String, code: HubError.Code, words: String
    ) async throws {
        var refusing = model
        refusing.refusal = .init(status: status, headers: ["x-error-code": reason])
        try await withHub(refusing) { stub, hub, _ in
            let error = try await failure(hub)
            #expect(error.code == code)
            #expect(error.message.contains(words), "\(error.message)")
            #expect(stub.endpoint.requests.count == 1)
        }
    }

    @Test func aBusyServerIsAskedAgain() async throws {
        var busy = model
        busy.busyAnswers = 2
        try await withHub(busy) { _, hub, _ in
            let path = try await hub.snapshot(of: reference())
            #expect(try bytes(path + "/model.safetensors") == weights)
        }
    }

    @Test func anEndpointThatIsGoneIsUnavailable() async throws {
        try await withHub { stub, hub, _ in
            await stub.endpoint.stop()
            let start = ContinuousClock.now
            let error = try await failure(hub)
            #expect(error.code == .unavailable)
            // Refused connections are known at once; what is waited for is between the attempts.
            #expect(ContinuousClock.now - start < .seconds(8))
            #expect(error.message.contains(stub.endpoint.url) || error.message.contains("127.0.0.1"))
        }
    }

    @Test(arguments: ["model.safetensors", "config.json"])
    func aRepositoryThatIsNoModelIsRefusedBeforeAnyDownload(_ without: String) async throws {
        var other = model
        other.files[without] = nil
        try await withHub(other) { stub, hub, _ in
            let error = try await failure(hub)
            #expect(error.code == .unsupported)
            #expect(error.message.contains(without))
            #expect(stub.endpoint.requests.count == 1)
        }
    }

    @Test func theProxyIsAskedForHostsThatAreNotExempt() async throws {
        try await withHub { stub, hub, _ in
            // A proxy that refuses: what matters is who is asked.
            let proxy = try await StubServer { _ in .init(status: .forbidden) }
            var configuration = hub.configuration
            configuration.proxies = try HubProxies(environment: ["HTTP_PROXY": proxy.url])
            let proxied = try await failure(Hub(configuration: configuration, logger: quiet))
            #expect(proxied.code == .unavailable && proxied.message.contains("through the proxy"))
            #expect(proxy.requests.first?.method == .CONNECT)
            #expect(stub.endpoint.requests.isEmpty)
            configuration.proxies = try HubProxies(
                environment: ["HTTP_PROXY": proxy.url, "NO_PROXY": "example.org, 127.0.0.1"])
            let asked = proxy.requests.count
            _ = try await Hub(configuration: configuration, logger: quiet).snapshot(of: reference())
            #expect(proxy.requests.count == asked)
            await proxy.stop()
        }
    }
}
