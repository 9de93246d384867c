public import WireProtocol

/// Messages with random contents that keep the rules.
public struct RandomMessages {
    /// Kinds of messages, numbered from 0.
    public static let kindCount = 30
    private var generator: FuzzRandom

    public init(seed: UInt64) { generator = FuzzRandom(seed: seed) }

    /// A message of a kind.
    public mutating func envelope(kind: Int) -> Envelope {
        let header = Envelope.Header(
            runID: number(), term: number(), generation: number(), step: number(), sender: word())
        switch kind {
        case 0:
            return Envelope(header: header, body: .register(registration()))
        case 1: return Envelope(header: header, body: .stateLoaded(StateLoaded(stateDigest: digest())))
        case 2:
            let body = LeafComputed(
                leaf: word() % 65_536, lossSum: real(), tokenCount: Int64(number() >> 1), seconds: real(),
                isFinite: flag())
            return Envelope(header: header, body: .leafComputed(body))
        case 3:
            let body = Prepared(
                gradientDigest: digest(), computeSeconds: real(), reduceSeconds: real(),
                exposedReduceSeconds: real(), bytesSent: number(), bytesReceived: number(),
                peakResidentBytes: number(), messagesDropped: number(), connectionsRefused: number())
            return Envelope(header: header, body: .prepared(body))
        case 4:
            return Envelope(
                header: header, body: .applied(Applied(stateDigest: digest(), gradientNorm: real())))
        case 5:
            let scores = (0..<below(20)).map { _ in
                Evaluated.Score(
                    lossSum: real(), tokenCount: word(), greedyMatches: word(),
                    predictedClass: below(2) == 0 ? nil : UInt32(below(1 << 30)))
            }
            return Envelope(
                header: header, body: .evaluated(Evaluated(leaf: word() % 65_536, scores: scores)))
        case 6: return Envelope(header: header, body: .leave(Leave(reason: text(40), drains: flag())))
        case 7:
            let body = Welcome(
                workerID: word(), configuration: text(2000), adapterConfiguration: text(500),
                heartbeatSeconds: real(), lostAfterSeconds: real(), orphanTimeoutSeconds: real(),
                parameterCount: number())
            return Envelope(header: header, body: .welcome(body))
        case 8:
            let code = Refusal.Code.allCases.randomElement(using: &generator) ?? .differentBase
            return Envelope(header: header, body: .refuse(Refusal(code: code, message: text(80))))
        case 9:
            let plan = plan()
            let leaves = leaves(below: plan.leafCount)
            return Envelope(
                header: header, body: .assign(Assignment(plan: plan, leaves: leaves, follows: flag())),
                payload: leaves.map { _ in bytes(below(200)) })
        case 10:
            let body = Commit(
                gradientDigest: digest(), tokenCount: Int64(number() >> 1),
                learningRate: Float(bitPattern: finiteBits()),
                biasCorrection1: Float(bitPattern: finiteBits()),
                biasCorrection2: Float(bitPattern: finiteBits()), skipsUpdate: flag(),
                skipsStateDigest: flag())
            return Envelope(header: header, body: .commit(body))
        case 11: return Envelope(header: header, body: .abort(Abort(reason: text(40))))
        case 12:
            let leaves = leaves(below: 1000)
            return Envelope(
                header: header, body: .evaluate(EvaluationAssignment(leaves: leaves)),
                payload: leaves.map { _ in bytes(below(200)) })
        case 13: return Envelope(header: header, body: .snapshotRequest(SnapshotRequest()))
        case 14: return Envelope(header: header, body: .finish(Finish(reason: text(40))))
        case 15:
            let payload = bytes(4 * (1 + below(100)))
            let count = UInt64(payload.count / 4)
            let offset = number() >> 1
            let body = StateChunk(
                section: StateChunk.Section.allCases.randomElement(using: &generator) ?? .parameters,
                elementOffset: offset, elementCount: UInt32(count),
                sectionElementCount: offset + count + number() >> 2,
                checksum: Checksum.crc32(payload), isLast: flag(), stateDigest: digest())
            return Envelope(header: header, body: .stateChunk(body), payload: [payload])
        case 16: return Envelope(header: header, body: .heartbeat(Heartbeat(sequence: number())))
        case 17:
            return Envelope(header: header, body: .errorReport(ErrorReport(code: word(), message: text(100))))
        case 20: return Envelope(header: header, body: .statusRequest(StatusRequest()))
        case 21: return Envelope(header: header, body: .statusReport(statusReport()))
        case 22:
            let body = ExchangeStalled(
                partialsFrom: (0..<below(5)).map { _ in word() },
                reducedFrom: (0..<below(5)).map { _ in word() })
            return Envelope(header: header, body: .exchangeStalled(body))
        case 23:
            return Envelope(header: header, body: .leafRelease(LeafRelease(leaves: leaves(below: 1000))))
        case 24: return Envelope(header: header, body: .baseRequest(BaseRequest(gives: flag())))
        case 25:
            let faults = (0..<below(4)).map { _ in
                BaseFault(
                    source: word(), kind: BaseFault.Kind.allCases.randomElement(using: &generator) ?? .silent,
                    chunk: word() % 65_536)
            }
            let body = BaseProgress(
                manifestDigest: digest(), endpoint: text(60), publicKey: key(), held: bytes(below(40)),
                faults: faults, host: text(40), processID: word())
            return Envelope(header: header, body: .baseProgress(body))
        case 26:
            let files = (0..<below(4)).map { _ in
                let count = below(10)
                return BaseManifest.File(
                    name: text(40), byteCount: UInt64(count * 8), chunkDigests: bytes(count * 32))
            }
            let body = BaseManifest(baseDigest: text(64), chunkByteCount: 8, files: files)
            return Envelope(header: header, body: .baseManifest(body))
        case 27:
            let sources = (0..<below(4)).map { _ in
                BaseSource(
                    id: word(), endpoint: text(60), publicKey: key(),
                    chunks: (0..<below(9)).map { _ in word() % 65_536 })
            }
            return Envelope(header: header, body: .baseSources(BaseSources(sources: sources)))
        case 28:
            let body = BaseChunkRequest(chunk: word() % 65_536)
            return Envelope(header: header, body: .baseChunkRequest(body))
        case 29:
            let payload = bytes(below(100))
            let body = BaseChunk(chunk: word() % 65_536, byteCount: UInt32(payload.count))
            return Envelope(header: header, body: .baseChunk(body), payload: [payload])
        default:
            let payload = bytes(4 * (1 + below(100)))
            let chunk = GradientChunk(
                nodeLevel: word() % 17, nodeIndex: word() % 65_536, chunk: word() % (1 << 20),
                elementCount: UInt32(payload.count / 4), checksum: Checksum.crc32(payload))
            return Envelope(
                header: header, body: kind == 18 ? .partial(chunk) : .reduced(chunk), payload: [payload])
        }
    }

    private mutating func registration() -> Register {
        let held: HeldState? =
            flag()
            ? HeldState(
                runID: number(), step: number(), stateDigest: digest(),
                preparedGeneration: flag() ? number() : nil,
                preparedDigest: digest(), gradientNorm: real())
            : nil
        return Register(
            shoalVersion: text(20), host: text(60), processID: word(), baseDigest: text(64),
            numerics: NumericsFingerprint(blas: text(60), core: text(12), kernels: text(12)),
            threadCount: word(),
            dataEndpoint: text(60), publicKey: key(), held: held)
    }

    private mutating func statusReport() -> StatusReport {
        let members = (0..<below(6)).map { _ in
            MemberStatus(
                id: word(), host: text(60), processID: word(), threadCount: word(),
                state: MemberStatus.State.allCases.randomElement(using: &generator) ?? .active,
                seconds: real(), leavesPerSecond: real(), remark: text(100), fetchedByteCount: number(),
                baseByteCount: number())
        }
        return StatusReport(
            phase: text(20), step: number(), totalSteps: number(), generation: number(), loss: real(),
            tokensPerSecond: real(), stepSeconds: real(), bytesSent: number(), bytesReceived: number(),
            members: members)
    }

    private mutating func plan() -> Plan {
        let leafCount = UInt32(1 + below(64))
        let participants = (0...below(5)).map { index in
            Plan.Participant(
                id: UInt32(index) * 1000 + word() % 1000, dataEndpoint: text(40), publicKey: key(),
                leaves: leaves(below: leafCount))
        }
        let owners = (0..<below(50)).map { _ in participants.randomElement(using: &generator)?.id ?? 0 }
        return Plan(
            leafCount: leafCount, chunkElementCount: 1 + word() % (1 << 21), chunkOwners: owners,
            participants: participants)
    }

    // MARK: - Parts

    /// An index below `limit`.
    public mutating func below(_ limit: Int) -> Int { generator.below(limit) }
    public mutating func bytes(_ count: Int) -> [UInt8] { generator.bytes(count) }
    /// Of any magnitude, 0 now and then.
    private mutating func number() -> UInt64 { (generator.next() >> UInt64(below(64))) >> UInt64(below(2)) }
    private mutating func word() -> UInt32 { UInt32(truncatingIfNeeded: number()) }
    private mutating func flag() -> Bool { generator.next() & 1 == 1 }
    private mutating func digest() -> [UInt8] { flag() ? bytes(32) : [] }
    private mutating func key() -> String { flag() ? String(repeating: "k", count: 40) : "" }
    /// Any number but NaN, which is unequal to itself.
    private mutating func real() -> Double {
        let value = Double(bitPattern: generator.next())
        return value.isNaN ? -0.0 : value
    }
    private mutating func finiteBits() -> UInt32 {
        let bits = UInt32(truncatingIfNeeded: generator.next())
        return Float(bitPattern: bits).isNaN ? 0x8000_0000 : bits
    }
    private mutating func leaves(below limit: UInt32) -> [UInt32] { (0..<limit).filter { _ in flag() } }
    private mutating func text(_ limit: Int) -> String {
        let alphabet: [Character] = ["a", "Z", "0", " ", "\n", "\"", "é", "ł", "中", "🐟", "\u{7F}"]
        return String((0..<below(limit / 4)).map { _ in alphabet[below(alphabet.count)] })
    }
}
