/// How many raw frames follow a message, and how long they are.
struct PayloadRule {
    var frameCount: Int
    /// Exact length of each; nil where the frame's own coding tells.
    var frameByteCount: Int?

    init(_ body: Envelope.Body) {
        switch body {
        case .assign(let assignment):
            frameCount = assignment.leaves.count
        case .evaluate(let assignment):
            frameCount = assignment.leaves.count
        case .stateChunk(let chunk):
            frameCount = 1
            frameByteCount = Int(chunk.elementCount) * 4
        case .partial(let chunk), .reduced(let chunk):
            frameCount = 1
            frameByteCount = Int(chunk.elementCount) * 4
        case .baseChunk(let chunk):
            frameCount = 1
            frameByteCount = Int(chunk.byteCount)
        case .register, .stateLoaded, .leafComputed, .prepared, .applied, .evaluated, .leave, .welcome,
            .refuse,
            .commit, .abort, .snapshotRequest, .finish, .heartbeat, .errorReport, .statusRequest,
            .statusReport, .exchangeStalled, .leafRelease, .baseRequest, .baseProgress, .baseManifest,
            .baseSources, .baseChunkRequest:
            frameCount = 0
        }
    }

    func check(_ byteCounts: [Int], of body: Envelope.Body) throws(WireProtocolError) {
        guard byteCounts.count == frameCount else {
            throw WireProtocolError(
                .malformed,
                "a message \(body.name) came with \(byteCounts.count) payload frames, it declares \(frameCount)"
            )
        }
        for byteCount in byteCounts {
            if let expected = frameByteCount, byteCount != expected {
                throw WireProtocolError(
                    .malformed,
                    "a message \(body.name) came with a payload of \(byteCount) bytes, it declares \(expected)"
                )
            }
            guard byteCount <= MessageLimits.payloadFrameByteCount else {
                throw WireProtocolError(
                    .tooLarge,
                    "a message \(body.name) came with a payload of \(byteCount) bytes, "
                        + "the limit is \(MessageLimits.payloadFrameByteCount)")
            }
        }
    }
}

extension Envelope.Body {
    /// The checksum the payload frame must have, where the body declares one.
    package var payloadChecksum: UInt32? {
        switch self {
        case .stateChunk(let chunk): chunk.checksum
        case .partial(let chunk), .reduced(let chunk): chunk.checksum
        default: nil
        }
    }

    /// The name in `protos/envelope.proto`, for logs and errors.
    public var name: String {
        switch self {
        case .register: "registration"
        case .stateLoaded: "state_loaded"
        case .leafComputed: "leaf_computed"
        case .prepared: "prepared"
        case .applied: "applied"
        case .evaluated: "evaluated"
        case .leave: "leave"
        case .exchangeStalled: "exchange_stalled"
        case .welcome: "welcome"
        case .refuse: "refusal"
        case .assign: "assignment"
        case .commit: "commit"
        case .abort: "abort"
        case .evaluate: "evaluation_assignment"
        case .snapshotRequest: "snapshot_request"
        case .finish: "finish"
        case .statusRequest: "status_request"
        case .statusReport: "status_report"
        case .stateChunk: "state_chunk"
        case .heartbeat: "heartbeat"
        case .errorReport: "error_report"
        case .leafRelease: "leaf_release"
        case .baseRequest: "base_request"
        case .baseProgress: "base_progress"
        case .baseManifest: "base_manifest"
        case .baseSources: "base_sources"
        case .baseChunkRequest: "base_chunk_request"
        case .baseChunk: "base_chunk"
        case .partial: "partial"
        case .reduced: "reduced"
        }
    }
}
