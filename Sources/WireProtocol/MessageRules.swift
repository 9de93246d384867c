/// Ranges and lengths every message must keep; checked by the sender and by the receiver.
enum MessageRules {
    static func check(_ body: Envelope.Body) throws(WireProtocolError) {
        switch body {
        case .register(let message): try check(message)
        case .stateLoaded(let message): try digest(message.stateDigest, "state_loaded")
        case .leafComputed(let message):
            try leaf(message.leaf, "leaf_computed")
            try tokens(message.tokenCount, "leaf_computed")
        case .prepared(let message): try digest(message.gradientDigest, "prepared")
        case .applied(let message): try digest(message.stateDigest, "applied")
        case .evaluated(let message):
            try leaf(message.leaf, "evaluated")
            try count(message.scores.count, MessageLimits.scoreCount, "scores", "evaluated")
        case .welcome(let message):
            let limit = MessageLimits.configurationByteCount
            try count(message.configuration.utf8.count, limit, "bytes of configuration", "welcome")
            try count(
                message.adapterConfiguration.utf8.count, limit, "bytes of adapter configuration", "welcome")
        case .assign(let message):
            try check(message.plan)
            try leaves(message.leaves, below: message.plan.leafCount, "assignment")
        case .evaluate(let message):
            try leaves(message.leaves, below: UInt32(MessageLimits.leafCount), "evaluation_assignment")
        case .commit(let message):
            try digest(message.gradientDigest, "commit")
            try tokens(message.tokenCount, "commit")
        case .stateChunk(let message): try check(message)
        case .partial(let message): try check(message, "partial")
        case .reduced(let message): try check(message, "reduced")
        case .exchangeStalled(let message):
            let limit = MessageLimits.participantCount
            try count(message.partialsFrom.count, limit, "participants", "exchange_stalled")
            try count(message.reducedFrom.count, limit, "participants", "exchange_stalled")
        case .leafRelease(let message):
            try leaves(message.leaves, below: UInt32(MessageLimits.leafCount), "leaf_release")
        case .statusReport(let message): try check(message)
        case .baseManifest(let message): try check(message)
        case .baseProgress(let message): try check(message)
        case .baseSources(let message): try check(message)
        case .baseChunkRequest(let message): try baseChunk(message.chunk, "base_chunk_request")
        case .baseChunk(let message):
            try baseChunk(message.chunk, "base_chunk")
            try count(Int(message.byteCount), MessageLimits.chunkByteCount, "bytes", "base_chunk")
        case .leave, .refuse, .abort, .snapshotRequest, .finish, .heartbeat, .errorReport, .statusRequest,
            .baseRequest:
            break
        }
    }

    private static func check(_ message: Register) throws(WireProtocolError) {
        for text in [
            message.shoalVersion, message.host, message.baseDigest, message.dataEndpoint,
            message.numerics.blas,
            message.numerics.core, message.numerics.kernels,
        ] {
            try count(text.utf8.count, MessageLimits.nameByteCount, "bytes in a name", "registration")
        }
        try publicKey(message.publicKey, "registration")
        if let held = message.held {
            try digest(held.stateDigest, "registration")
            try digest(held.preparedDigest, "registration")
        }
    }

    private static func check(_ report: StatusReport) throws(WireProtocolError) {
        let name = "status_report"
        try count(report.members.count, 2 * MessageLimits.participantCount, "members", name)
        for text in report.members.map(\.host) + [report.phase] {
            try count(text.utf8.count, MessageLimits.nameByteCount, "bytes in a name", name)
        }
    }

    private static func check(_ plan: Plan) throws(WireProtocolError) {
        let name = "assignment"
        try count(Int(plan.leafCount), MessageLimits.leafCount, "leaves", name)
        try count(plan.participants.count, MessageLimits.participantCount, "participants", name)
        try count(plan.chunkOwners.count, MessageLimits.chunkCount, "chunks", name)
        try chunkElements(plan.chunkElementCount, name)
        var ids: Set<UInt32> = []
        for participant in plan.participants {
            guard ids.insert(participant.id).inserted else {
                throw WireProtocolError(.malformed, "a plan names participant \(participant.id) twice")
            }
            try count(
                participant.dataEndpoint.utf8.count, MessageLimits.nameByteCount, "bytes in a name", name)
            try publicKey(participant.publicKey, name)
            try leaves(participant.leaves, below: plan.leafCount, mustAscend: true, name)
        }
        if let stranger = plan.chunkOwners.first(where: { !ids.contains($0) }) {
            throw WireProtocolError(
                .malformed, "a plan gives a chunk to \(stranger), who takes no part in it")
        }
    }

    private static func check(_ chunk: StateChunk) throws(WireProtocolError) {
        let name = "state_chunk"
        try digest(chunk.stateDigest, name)
        try chunkElements(chunk.elementCount, name)
        let (end, overflows) = chunk.elementOffset.addingReportingOverflow(UInt64(chunk.elementCount))
        guard !overflows, end <= chunk.sectionElementCount else {
            throw WireProtocolError(
                .malformed,
                "a \(name) has elements \(chunk.elementOffset) + \(chunk.elementCount) of \(chunk.sectionElementCount)"
            )
        }
    }

    private static func check(_ chunk: GradientChunk, _ name: String) throws(WireProtocolError) {
        try chunkElements(chunk.elementCount, name)
        try count(Int(chunk.nodeLevel), MessageLimits.treeHeight, "levels", name)
        try leaf(chunk.nodeIndex, name)
        try count(Int(chunk.chunk) + 1, MessageLimits.chunkCount, "chunks", name)
    }

    private static func check(_ manifest: BaseManifest) throws(WireProtocolError) {
        let name = "base_manifest"
        let chunkByteCount = Int(manifest.chunkByteCount)
        guard chunkByteCount > 0 else {
            throw WireProtocolError(.malformed, "a message \(name) has chunks of no bytes")
        }
        try count(chunkByteCount, MessageLimits.chunkByteCount, "bytes in a chunk", name)
        try count(manifest.files.count, MessageLimits.baseFileCount, "files", name)
        var chunkCount = 0
        for text in manifest.files.map(\.name) + [manifest.baseDigest] {
            try count(text.utf8.count, MessageLimits.nameByteCount, "bytes in a name", name)
        }
        for file in manifest.files {
            let limit = UInt64(MessageLimits.baseChunkCount) * UInt64(chunkByteCount)
            try count(Int(clamping: file.byteCount), Int(limit), "bytes in a file", name)
            let chunks = (Int(file.byteCount) + chunkByteCount - 1) / chunkByteCount
            guard file.chunkDigests.count == chunks * MessageLimits.digestByteCount else {
                throw WireProtocolError(
                    .malformed,
                    "a message \(name) has \(file.chunkDigests.count) bytes of digests for \(chunks) chunks")
            }
            chunkCount += chunks
        }
        try count(chunkCount, MessageLimits.baseChunkCount, "chunks", name)
    }

    private static func check(_ progress: BaseProgress) throws(WireProtocolError) {
        let name = "base_progress"
        try digest(progress.manifestDigest, name)
        try publicKey(progress.publicKey, name)
        for text in [progress.endpoint, progress.host] {
            try count(text.utf8.count, MessageLimits.nameByteCount, "bytes in a name", name)
        }
        try count(progress.held.count, MessageLimits.baseChunkCount / 8, "bytes of held chunks", name)
        try count(progress.faults.count, MessageLimits.baseFaultCount, "faults", name)
        for fault in progress.faults { try baseChunk(fault.chunk, name) }
    }

    private static func check(_ message: BaseSources) throws(WireProtocolError) {
        let name = "base_sources"
        try count(message.sources.count, MessageLimits.participantCount, "sources", name)
        for source in message.sources {
            try publicKey(source.publicKey, name)
            try count(source.endpoint.utf8.count, MessageLimits.nameByteCount, "bytes in a name", name)
            for chunk in source.chunks { try baseChunk(chunk, name) }
        }
    }

    // MARK: - Parts

    private static func baseChunk(_ chunk: UInt32, _ name: String) throws(WireProtocolError) {
        try count(Int(chunk) + 1, MessageLimits.baseChunkCount, "chunks of the base", name)
    }

    private static func count(
        _ found: Int, _ limit: Int, _ what: String, _ name: String
    ) throws(WireProtocolError) {
        guard found <= limit else {
            throw WireProtocolError(
                .tooLarge, "a message \(name) has \(found) \(what), the limit is \(limit)")
        }
    }

    private static func chunkElements(_ found: UInt32, _ name: String) throws(WireProtocolError) {
        guard found > 0 else {
            throw WireProtocolError(.malformed, "a message \(name) has a chunk of no elements")
        }
        try count(Int(found), MessageLimits.chunkByteCount / 4, "elements in a chunk", name)
    }

    private static func digest(_ bytes: [UInt8], _ name: String) throws(WireProtocolError) {
        guard bytes.isEmpty || bytes.count == MessageLimits.digestByteCount else {
            throw WireProtocolError(
                .malformed,
                "a message \(name) has a digest of \(bytes.count) bytes, SHA-256 has \(MessageLimits.digestByteCount)"
            )
        }
    }

    private static func publicKey(_ text: String, _ name: String) throws(WireProtocolError) {
        guard text.isEmpty || text.utf8.count == MessageLimits.publicKeyByteCount else {
            throw WireProtocolError(
                .malformed,
                "a message \(name) has a public key of \(text.utf8.count) characters, "
                    + "Z85 gives \(MessageLimits.publicKeyByteCount)")
        }
    }

    private static func leaf(_ leaf: UInt32, _ name: String) throws(WireProtocolError) {
        guard leaf < UInt32(MessageLimits.leafCount) else {
            throw WireProtocolError(
                .tooLarge, "a message \(name) names leaf \(leaf), the limit is \(MessageLimits.leafCount)")
        }
    }

    private static func leaves(
        _ leaves: [UInt32], below limit: UInt32, mustAscend: Bool = false, _ name: String
    ) throws(WireProtocolError) {
        try count(leaves.count, MessageLimits.leafCount, "leaves", name)
        var seen: Set<UInt32> = []
        var previous: UInt32?
        for leaf in leaves {
            guard leaf < limit, seen.insert(leaf).inserted else {
                throw WireProtocolError(
                    .malformed, "a message \(name) names leaf \(leaf) twice, or has only \(limit) leaves")
            }
            if mustAscend, let previous, leaf <= previous {
                throw WireProtocolError(
                    .malformed, "a message \(name) lists leaf \(leaf) after \(previous); leaves ascend")
            }
            previous = leaf
        }
    }

    private static func tokens(_ found: Int64, _ name: String) throws(WireProtocolError) {
        guard found >= 0 else {
            throw WireProtocolError(.malformed, "a message \(name) counts \(found) tokens")
        }
    }
}
