import Foundation
import Fuzzing
import Testing
import WireProtocol

@Suite struct MessageCodecTests {
    private static let header = Envelope.Header(
        runID: 0x0123_4567_89AB_CDEF, term: 3, generation: 300, step: 70_000, sender: 2)
    private static let digest = Array(UInt8(0)..<32)
    private static let key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    private static let chunk = GradientChunk(
        nodeLevel: 2, nodeIndex: 1, chunk: 7, elementCount: 2, checksum: 0x0102_0304)

    /// The messages of `Tests/Fixtures/scripts/make_messages.py`.
    private static let golden: [(String, Envelope.Body)] = {
        var registration = Register(
            shoalVersion: "0.1.0", host: "höst", processID: 4242,
            baseDigest: String(repeating: "ab", count: 32),
            numerics: NumericsFingerprint(blas: "OpenBLAS 0.3.21", core: "Haswell", kernels: "vector"),
            threadCount: 8, dataEndpoint: "tcp://10.0.0.2:40111", publicKey: key)
        let fresh = registration
        registration.held = HeldState(
            runID: 0x0123_4567_89AB_CDEF, step: 69_999, stateDigest: digest, preparedGeneration: 0,
            preparedDigest: digest.reversed(), gradientNorm: 0.75)
        let plan = Plan(
            leafCount: 4, chunkElementCount: 65_536, chunkOwners: [1, 300, 0],
            participants: [
                Plan.Participant(id: 0, dataEndpoint: "ipc:///tmp/0", publicKey: "", leaves: []),
                Plan.Participant(id: 1, dataEndpoint: "tcp://10.0.0.2:1", publicKey: key, leaves: [0, 1]),
                Plan.Participant(id: 300, dataEndpoint: "", publicKey: "", leaves: [2, 3]),
            ])
        return [
            ("registration", .register(fresh)),
            ("registration_held", .register(registration)),
            ("state_loaded", .stateLoaded(StateLoaded(stateDigest: digest))),
            (
                "leaf_computed",
                .leafComputed(
                    LeafComputed(
                        leaf: 5, lossSum: -0.0, tokenCount: 123_456_789_012, seconds: 0.125, isFinite: true))
            ),
            (
                "prepared",
                .prepared(
                    Prepared(
                        gradientDigest: digest, computeSeconds: 1.5, reduceSeconds: 0.25,
                        exposedReduceSeconds: 0.0625,
                        bytesSent: 1 << 40, bytesReceived: 77, peakResidentBytes: 1 << 33))
            ),
            ("applied", .applied(Applied(stateDigest: digest, gradientNorm: 3))),
            (
                "evaluated",
                .evaluated(
                    Evaluated(
                        leaf: 6,
                        scores: [
                            .init(lossSum: 1.5, tokenCount: 0, greedyMatches: 7),
                            .init(lossSum: -0.0, tokenCount: 200, greedyMatches: 0),
                        ]))
            ),
            (
                "evaluated_classes",
                .evaluated(
                    Evaluated(
                        leaf: 6,
                        scores: [
                            .init(lossSum: 1.5, tokenCount: 1, greedyMatches: 1, predictedClass: 2),
                            .init(lossSum: 2.5, tokenCount: 1, greedyMatches: 0),
                        ]))
            ),
            ("leave", .leave(Leave(reason: "going", drains: true))),
            (
                "exchange_stalled",
                .exchangeStalled(ExchangeStalled(partialsFrom: [3, 300], reducedFrom: [4]))
            ),
            (
                "welcome",
                .welcome(
                    Welcome(
                        workerID: 2, configuration: "base: x\n", adapterConfiguration: "{}",
                        heartbeatSeconds: 1,
                        lostAfterSeconds: 5, orphanTimeoutSeconds: 600, parameterCount: 1 << 20))
            ),
            ("refusal", .refuse(Refusal(code: .differentNumerics, message: "other kernels"))),
            ("assignment", .assign(Assignment(plan: plan, leaves: [2, 3]))),
            ("assignment_follows", .assign(Assignment(plan: plan, leaves: [], follows: true))),
            (
                "commit",
                .commit(
                    Commit(
                        gradientDigest: digest, tokenCount: 4096, learningRate: 2e-4, biasCorrection1: 0.1,
                        biasCorrection2: 0.001, skipsUpdate: true))
            ),
            ("abort", .abort(Abort(reason: "worker 3 is lost"))),
            ("evaluation_assignment", .evaluate(EvaluationAssignment(leaves: [0, 128]))),
            ("snapshot_request", .snapshotRequest(SnapshotRequest())),
            ("finish", .finish(Finish(reason: "done"))),
            ("status_request", .statusRequest(StatusRequest())),
            (
                "status_report",
                .statusReport(
                    StatusReport(
                        phase: "computing", step: 70000, totalSteps: 90000, generation: 2, loss: 1.25,
                        tokensPerSecond: 5000, stepSeconds: 0.5, bytesSent: 1 << 40, bytesReceived: 77,
                        members: [
                            MemberStatus(
                                id: 300, host: "höst", processID: 4242, threadCount: 8, state: .slow,
                                seconds: 12.5, leavesPerSecond: 40, remark: "3.1 times"),
                            MemberStatus(
                                id: 1, host: "", processID: 0, threadCount: 0, state: .lost, seconds: 0,
                                leavesPerSecond: 0, remark: ""),
                            MemberStatus(
                                id: 0, host: "new", processID: 77, threadCount: 0, state: .fetching,
                                seconds: 0, leavesPerSecond: 0, remark: "", fetchedByteCount: 1 << 33,
                                baseByteCount: 1 << 34),
                        ]))
            ),
            (
                "state_chunk",
                .stateChunk(
                    StateChunk(
                        section: .secondMoments, elementOffset: 5_000_000_000, elementCount: 2,
                        sectionElementCount: 5_000_000_002, checksum: 0x0102_0304, isLast: true,
                        stateDigest: digest))
            ),
            ("heartbeat", .heartbeat(Heartbeat(sequence: 9))),
            ("error_report", .errorReport(ErrorReport(code: 65, message: "bad row"))),
            ("leaf_release", .leafRelease(LeafRelease(leaves: [7, 200]))),
            ("base_request", .baseRequest(BaseRequest())),
            ("base_request_gives", .baseRequest(BaseRequest(gives: true))),
            (
                "base_progress",
                .baseProgress(
                    BaseProgress(
                        manifestDigest: digest, endpoint: "tcp://10.0.0.2:40112", publicKey: key,
                        held: [0xFF, 0x03],
                        faults: [
                            BaseFault(source: 300, kind: .wrongBytes, chunk: 7),
                            BaseFault(source: 0, kind: .unreachable, chunk: 0),
                        ], host: "new", processID: 77))
            ),
            (
                "base_manifest",
                .baseManifest(
                    BaseManifest(
                        baseDigest: String(repeating: "ab", count: 32), chunkByteCount: 4,
                        files: [
                            .init(name: "model.gguf", byteCount: 5, chunkDigests: digest + digest.reversed()),
                            .init(name: "vocab.txt", byteCount: 0, chunkDigests: []),
                        ]))
            ),
            (
                "base_sources",
                .baseSources(
                    BaseSources(sources: [
                        BaseSource(
                            id: 2, endpoint: "tcp://10.0.0.3:40112", publicKey: key, chunks: [0, 300])
                    ]))
            ),
            ("base_chunk_request", .baseChunkRequest(BaseChunkRequest(chunk: 300))),
            ("base_chunk", .baseChunk(BaseChunk(chunk: 300, byteCount: 4))),
            ("partial", .partial(chunk)),
            ("reduced", .reduced(chunk)),
        ]
    }()

    private static func goldenBytes() throws -> [String: String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/messages/golden.json")
        return try JSONDecoder().decode([String: String].self, from: Data(contentsOf: file))
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    @Test("each message has exactly the bytes of an encoder written from the specification")
    func goldenFixtures() throws {
        let golden = try Self.goldenBytes()
        #expect(Set(golden.keys) == Set(Self.golden.map(\.0)))
        for (name, body) in Self.golden {
            let envelope = Envelope(header: Self.header, body: body)
            #expect(try Self.hexadecimal(MessageCodec.encodeHead(envelope)) == golden[name], "\(name)")
        }
    }

    @Test(
        "random messages of every kind come back equal, bit for bit", arguments: 0..<RandomMessages.kindCount)
    func roundTrip(kind: Int) throws {
        for seed in 0..<200 {
            var random = RandomMessages(seed: UInt64(seed) << 8 | UInt64(kind))
            let envelope = random.envelope(kind: kind)
            let frames = try MessageCodec.encode(envelope)
            let decoded = try MessageCodec.decode(frames)
            #expect(decoded == envelope, "seed \(seed)")
            // Equality of Double does not tell −0.0 from 0.0; bytes do.
            #expect(try MessageCodec.encode(decoded) == frames, "seed \(seed)")
        }
    }

    @Test("fields of a later minor change are passed over")
    func unknownFields() throws {
        var random = RandomMessages(seed: 11)
        for kind in 0..<RandomMessages.kindCount {
            let envelope = random.envelope(kind: kind)
            var frames = try MessageCodec.encode(envelope)
            // Field 200: a varint; field 201: bytes; field 202: eight bytes.
            frames[0] += [0xC0, 0x0C, 0x96, 0x01, 0xCA, 0x0C, 2, 1, 2, 0xD1, 0x0C, 1, 2, 3, 4, 5, 6, 7, 8]
            #expect(try MessageCodec.decode(frames) == envelope)
        }
    }

    @Test("another version is named together with this one")
    func version() throws {
        var envelope = Envelope(header: Self.header, body: .heartbeat(Heartbeat(sequence: 1)))
        envelope.header.protocolVersion = 77
        let frames = try MessageCodec.encode(envelope)
        let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode(frames) }
        #expect(error?.code == .version)
        #expect(error?.message.contains("77") == true)
        #expect(error?.message.contains("\(ProtocolVersion.current)") == true)
        // Even when nothing behind the version can be read.
        let alien = #expect(throws: WireProtocolError.self) {
            try MessageCodec.decode([Array(frames[0].prefix(5)) + [0xFF, 0xFF]])
        }
        #expect(alien?.code == .version)
    }

    @Test("a body of unknown kind, no body, or two bodies is malformed")
    func bodies() throws {
        let head = try MessageCodec.encodeHead(
            Envelope(header: Self.header, body: .leave(Leave(reason: ""))))
        let header = Array(head.dropLast(3))
        // Field 127, wire type 2, empty.
        for bytes in [header + [0xFA, 0x07, 0], header, head + [0x82, 0x01, 0], head + head.suffix(3)] {
            let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode([bytes]) }
            #expect(error?.code == .malformed)
        }
    }

    @Test("a header field that comes twice is malformed, the version above all")
    func headerFieldTwice() throws {
        let head = try MessageCodec.encodeHead(
            Envelope(header: Self.header, body: .leave(Leave(reason: ""))))
        // The version again, as another number; the step again.
        for bytes in [head + [0x0D, 9, 0, 0, 0], head + [0x28, 1]] {
            let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode([bytes]) }
            #expect(error?.code == .malformed)
        }
    }

    @Test("a text for people that is longer than a sender lets it be is refused")
    func overlongText() throws {
        let limit = 4096
        for (count, isTaken) in [(limit, true), (limit + 1, false)] {
            // leave: field 22, its reason: field 1.
            let text = [UInt8](repeating: 0x61, count: count)
            let reason = [0x0A] + Self.varint(count) + text
            var head = try MessageCodec.encodeHead(
                Envelope(header: Self.header, body: .leave(Leave(reason: ""))))
            head.removeLast(3)
            head += [0xB2, 0x01] + Self.varint(reason.count) + reason
            if isTaken {
                #expect(
                    try MessageCodec.decode([head]).body
                        == .leave(Leave(reason: String(repeating: "a", count: count))))
            } else {
                let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode([head]) }
                #expect(error?.code == .tooLarge)
            }
        }
    }

    private static func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
    }

    @Test("a payload that is not what the body declares is refused on both sides")
    func payloads() throws {
        let payload: [UInt8] = [0, 0, 0, 0, 0, 0, 128, 63]
        var chunk = Self.chunk
        chunk.checksum = Checksum.crc32(payload)
        let envelope = Envelope(header: Self.header, body: .partial(chunk), payload: [payload])
        let frames = try MessageCodec.encode(envelope)
        #expect(try MessageCodec.decode(frames) == envelope)
        for wrong in [
            [frames[0]], frames + [payload], [frames[0], payload + [0]],
            [frames[0], Array(payload.dropLast(4))],
        ] {
            let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode(wrong) }
            #expect(error?.code == .malformed)
        }
        let error = #expect(throws: WireProtocolError.self) {
            try MessageCodec.decode([frames[0], [1] + payload.dropFirst()])
        }
        #expect(error?.code == .checksum)
        var unsendable = envelope
        unsendable.payload = []
        #expect(throws: WireProtocolError.self) { try MessageCodec.encode(unsendable) }
    }

    @Test("limits hold before anything is unpacked")
    func limits() throws {
        let huge = [UInt8](repeating: 0, count: MessageLimits.headByteCount + 1)
        let error = #expect(throws: WireProtocolError.self) { try MessageCodec.decode([huge]) }
        #expect(error?.code == .tooLarge)

        // A frame within the limit whose two-byte entries would grow to far more in memory: empty participants.
        let head = try MessageCodec.encodeHead(Envelope(header: Self.header, body: .leave(Leave(reason: ""))))
        let entries = [UInt8](repeating: 0, count: 1_000_000).flatMap { [0x22, $0] as [UInt8] }
        func varint(_ value: Int) -> [UInt8] {
            value < 128 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + varint(value >> 7)
        }
        let plan = [0x0A] + varint(entries.count) + entries
        let bomb = Array(head.dropLast(3)) + [0x92, 0x02] + varint(plan.count) + plan
        #expect(bomb.count < MessageLimits.headByteCount)
        let bombError = #expect(throws: WireProtocolError.self) { try MessageCodec.decode([bomb]) }
        #expect(bombError?.code == .malformed)
    }

    @Test("values out of range are refused", arguments: outOfRange)
    func ranges(body: Envelope.Body) throws {
        #expect(throws: WireProtocolError.self) {
            try MessageCodec.encodeHead(Envelope(header: Self.header, body: body))
        }
    }

    private static let outOfRange: [Envelope.Body] = {
        var plan = Plan(
            leafCount: 4, chunkElementCount: 1, chunkOwners: [1],
            participants: [.init(id: 1, dataEndpoint: "", publicKey: "", leaves: [0, 1])])
        func assign(_ change: (inout Plan) -> Void) -> Envelope.Body {
            var changed = plan
            change(&changed)
            return .assign(Assignment(plan: changed, leaves: []))
        }
        return [
            .applied(Applied(stateDigest: [1, 2, 3], gradientNorm: 0)),
            .leafComputed(LeafComputed(leaf: 65_536, lossSum: 0, tokenCount: 1, seconds: 0, isFinite: true)),
            .leafComputed(LeafComputed(leaf: 0, lossSum: 0, tokenCount: -1, seconds: 0, isFinite: true)),
            assign { $0.chunkElementCount = 0 },
            assign { $0.chunkOwners = [2] },
            assign { $0.participants[0].leaves = [1, 0] },
            assign { $0.participants[0].leaves = [4] },
            assign { $0.participants[0].publicKey = "short" },
            assign { $0.participants.append($0.participants[0]) },
            .assign(Assignment(plan: plan, leaves: [3, 3])),
            .partial(GradientChunk(nodeLevel: 17, nodeIndex: 0, chunk: 0, elementCount: 1, checksum: 0)),
            .partial(GradientChunk(nodeLevel: 0, nodeIndex: 0, chunk: 0, elementCount: 0, checksum: 0)),
            .reduced(GradientChunk(nodeLevel: 0, nodeIndex: 0, chunk: 1 << 20, elementCount: 1, checksum: 0)),
            .stateChunk(
                StateChunk(
                    section: .parameters, elementOffset: .max, elementCount: 1, sectionElementCount: .max,
                    checksum: 0,
                    isLast: false, stateDigest: [])),
            .baseManifest(BaseManifest(baseDigest: "", chunkByteCount: 0, files: [])),
            .baseManifest(
                BaseManifest(
                    baseDigest: "", chunkByteCount: 4,
                    files: [.init(name: "a", byteCount: 5, chunkDigests: [UInt8](repeating: 0, count: 32))])),
            .baseManifest(
                BaseManifest(
                    baseDigest: "", chunkByteCount: 4,
                    files: [.init(name: "a", byteCount: .max, chunkDigests: [])])),
            .baseChunkRequest(BaseChunkRequest(chunk: 1 << 16)),
            .baseChunk(BaseChunk(chunk: 0, byteCount: 9 << 20)),
            .baseSources(
                BaseSources(sources: [BaseSource(id: 1, endpoint: "", publicKey: "short", chunks: [])])),
            .welcome(
                Welcome(
                    workerID: 1, configuration: String(repeating: "x", count: 2 << 20),
                    adapterConfiguration: "",
                    heartbeatSeconds: 1, lostAfterSeconds: 1, orphanTimeoutSeconds: 1, parameterCount: 1)),
        ]
    }()

    @Test("a long reason is cut between characters, not refused")
    func longText() throws {
        let reason = String(repeating: "🐟", count: 3000)
        let frames = try MessageCodec.encode(
            Envelope(header: Self.header, body: .abort(Abort(reason: reason))))
        guard case .abort(let abort) = try MessageCodec.decode(frames).body else {
            Issue.record("another body")
            return
        }
        #expect(abort.reason.utf8.count <= MessageLimits.textByteCount)
        #expect(abort.reason.hasSuffix("🐟…"))
    }
}
