import CMessages

extension MessagePacking {
    /// Header and body of a protobuf frame that ``EnvelopeScan`` has looked at.
    static func unpack(_ head: RawSpan) throws(WireProtocolError) -> Envelope {
        try unsafe UnpackBudget.with(byteCount: MessageLimits.unpackedByteCount) {
            (allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(WireProtocolError) -> Envelope in
            let unpacked = unsafe head.withUnsafeBytes { buffer in
                unsafe shoal__envelope__unpack(
                    allocator, buffer.count, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
            guard let unpacked = unsafe unpacked else {
                throw WireProtocolError(
                    .malformed, "a first frame of \(head.byteCount) bytes that is no message of Shoal")
            }
            defer { unsafe shoal__envelope__free_unpacked(unpacked, allocator) }
            let message = unsafe unpacked.pointee
            let header = unsafe Envelope.Header(
                protocolVersion: message.protocol_version, runID: message.run_id, term: message.term,
                generation: message.generation, step: message.step, sender: message.sender)
            return try unsafe Envelope(header: header, body: body(message))
        }
    }

    private static func body(_ message: Shoal__Envelope) throws(WireProtocolError) -> Envelope.Body {
        switch unsafe message.body_case {
        case SHOAL__ENVELOPE__BODY_REGISTRATION:
            return unsafe .register(try registration(unsafe present(message.registration)))
        case SHOAL__ENVELOPE__BODY_STATE_LOADED:
            let body = try unsafe present(message.state_loaded)
            return .stateLoaded(StateLoaded(stateDigest: unsafe bytes(body.state_digest)))
        case SHOAL__ENVELOPE__BODY_LEAF_COMPUTED:
            let body = try unsafe present(message.leaf_computed)
            return unsafe .leafComputed(
                LeafComputed(
                    leaf: body.leaf, lossSum: Double(bitPattern: body.loss_sum_bits),
                    tokenCount: body.token_count, seconds: Double(bitPattern: body.seconds_bits),
                    isFinite: body.is_finite != 0))
        case SHOAL__ENVELOPE__BODY_PREPARED:
            let body = try unsafe present(message.prepared)
            return unsafe .prepared(
                Prepared(
                    gradientDigest: bytes(body.gradient_digest),
                    computeSeconds: Double(bitPattern: body.compute_seconds_bits),
                    reduceSeconds: Double(bitPattern: body.reduce_seconds_bits),
                    exposedReduceSeconds: Double(bitPattern: body.exposed_reduce_seconds_bits),
                    bytesSent: body.bytes_sent, bytesReceived: body.bytes_received,
                    peakResidentBytes: body.peak_resident_bytes, messagesDropped: body.messages_dropped,
                    connectionsRefused: body.connections_refused))
        case SHOAL__ENVELOPE__BODY_APPLIED:
            let body = try unsafe present(message.applied)
            return unsafe .applied(
                Applied(
                    stateDigest: bytes(body.state_digest),
                    gradientNorm: Double(bitPattern: body.gradient_norm_bits)))
        case SHOAL__ENVELOPE__BODY_EVALUATED:
            return unsafe .evaluated(try evaluated(unsafe present(message.evaluated)))
        case SHOAL__ENVELOPE__BODY_LEAVE:
            let body = try unsafe present(message.leave)
            return unsafe .leave(
                Leave(reason: try clippedText(unsafe body.reason), drains: body.drains != 0))
        case SHOAL__ENVELOPE__BODY_EXCHANGE_STALLED:
            let body = try unsafe present(message.exchange_stalled)
            return unsafe .exchangeStalled(
                ExchangeStalled(
                    partialsFrom: array(body.partials_from, body.n_partials_from),
                    reducedFrom: array(body.reduced_from, body.n_reduced_from)))
        case SHOAL__ENVELOPE__BODY_WELCOME:
            return unsafe .welcome(try welcome(unsafe present(message.welcome)))
        case SHOAL__ENVELOPE__BODY_REFUSAL:
            let body = try unsafe present(message.refusal)
            guard let code = unsafe Refusal.Code(rawValue: UInt32(truncatingIfNeeded: body.code.rawValue))
            else {
                throw WireProtocolError(
                    .malformed, "a refusal with the unknown code \(unsafe body.code.rawValue)")
            }
            return unsafe .refuse(Refusal(code: code, message: try clippedText(unsafe body.message)))
        case SHOAL__ENVELOPE__BODY_ASSIGNMENT:
            let body = try unsafe present(message.assignment)
            return unsafe .assign(
                Assignment(
                    plan: try plan(unsafe present(body.plan)),
                    leaves: unsafe array(body.leaves, body.n_leaves), follows: body.follows != 0))
        case SHOAL__ENVELOPE__BODY_COMMIT:
            let body = try unsafe present(message.commit)
            return unsafe .commit(
                Commit(
                    gradientDigest: bytes(body.gradient_digest), tokenCount: body.token_count,
                    learningRate: Float(bitPattern: body.learning_rate_bits),
                    biasCorrection1: Float(bitPattern: body.bias_correction1_bits),
                    biasCorrection2: Float(bitPattern: body.bias_correction2_bits),
                    skipsUpdate: body.skips_update != 0,
                    skipsStateDigest: body.skips_state_digest != 0))
        case SHOAL__ENVELOPE__BODY_ABORT:
            return unsafe .abort(Abort(reason: try clippedText(unsafe present(message.abort).reason)))
        case SHOAL__ENVELOPE__BODY_EVALUATION_ASSIGNMENT:
            let body = try unsafe present(message.evaluation_assignment)
            return .evaluate(EvaluationAssignment(leaves: unsafe array(body.leaves, body.n_leaves)))
        case SHOAL__ENVELOPE__BODY_SNAPSHOT_REQUEST:
            return .snapshotRequest(SnapshotRequest())
        case SHOAL__ENVELOPE__BODY_FINISH:
            return unsafe .finish(Finish(reason: try clippedText(unsafe present(message.finish).reason)))
        case SHOAL__ENVELOPE__BODY_STATUS_REQUEST:
            return .statusRequest(StatusRequest())
        case SHOAL__ENVELOPE__BODY_STATUS_REPORT:
            return unsafe .statusReport(try statusReport(unsafe present(message.status_report)))
        case SHOAL__ENVELOPE__BODY_STATE_CHUNK:
            return unsafe .stateChunk(try stateChunk(unsafe present(message.state_chunk)))
        case SHOAL__ENVELOPE__BODY_HEARTBEAT:
            return .heartbeat(Heartbeat(sequence: try unsafe present(message.heartbeat).sequence))
        case SHOAL__ENVELOPE__BODY_ERROR_REPORT:
            let body = try unsafe present(message.error_report)
            return unsafe .errorReport(
                ErrorReport(code: unsafe body.code, message: try clippedText(unsafe body.message)))
        case SHOAL__ENVELOPE__BODY_LEAF_RELEASE:
            let body = try unsafe present(message.leaf_release)
            return unsafe .leafRelease(LeafRelease(leaves: array(body.leaves, body.n_leaves)))
        case SHOAL__ENVELOPE__BODY_BASE_REQUEST:
            return .baseRequest(BaseRequest(gives: try unsafe present(message.base_request).gives != 0))
        case SHOAL__ENVELOPE__BODY_BASE_PROGRESS:
            return unsafe .baseProgress(try baseProgress(unsafe present(message.base_progress)))
        case SHOAL__ENVELOPE__BODY_BASE_MANIFEST:
            return unsafe .baseManifest(try baseManifest(unsafe present(message.base_manifest)))
        case SHOAL__ENVELOPE__BODY_BASE_SOURCES:
            return unsafe .baseSources(try baseSources(unsafe present(message.base_sources)))
        case SHOAL__ENVELOPE__BODY_BASE_CHUNK_REQUEST:
            return .baseChunkRequest(
                BaseChunkRequest(chunk: try unsafe present(message.base_chunk_request).chunk))
        case SHOAL__ENVELOPE__BODY_BASE_CHUNK:
            let body = try unsafe present(message.base_chunk)
            return unsafe .baseChunk(BaseChunk(chunk: body.chunk, byteCount: body.byte_count))
        case SHOAL__ENVELOPE__BODY_PARTIAL:
            return unsafe .partial(gradientChunk(try unsafe present(message.partial)))
        case SHOAL__ENVELOPE__BODY_REDUCED:
            return unsafe .reduced(gradientChunk(try unsafe present(message.reduced)))
        default:
            throw WireProtocolError(.malformed, "a message without a body")
        }
    }

    // MARK: - Larger bodies

    private static func registration(_ body: Shoal__Registration) throws(WireProtocolError) -> Register {
        let numerics = try unsafe present(body.numerics)
        var held: HeldState?
        if let state = unsafe body.held?.pointee {
            held = unsafe HeldState(
                runID: state.run_id, step: state.step, stateDigest: bytes(state.state_digest),
                preparedGeneration: state.has_prepared != 0 ? state.prepared_generation : nil,
                preparedDigest: bytes(state.prepared_digest),
                gradientNorm: Double(bitPattern: state.gradient_norm_bits))
        }
        return try unsafe Register(
            shoalVersion: text(unsafe body.shoal_version), host: text(unsafe body.host),
            processID: unsafe body.process_id, baseDigest: text(unsafe body.base_digest),
            numerics: NumericsFingerprint(
                blas: text(unsafe numerics.blas), core: text(unsafe numerics.core),
                kernels: text(unsafe numerics.kernels)),
            threadCount: unsafe body.thread_count, dataEndpoint: text(unsafe body.data_endpoint),
            publicKey: text(unsafe body.public_key), held: held)
    }

    private static func evaluated(_ body: Shoal__Evaluated) throws(WireProtocolError) -> Evaluated {
        let count = unsafe body.n_loss_sum_bits
        let classCount = unsafe body.n_predicted_classes
        guard unsafe body.n_token_counts == count, unsafe body.n_greedy_matches == count,
            classCount == 0 || classCount == count
        else {
            throw WireProtocolError(.malformed, "a message evaluated with lists of different lengths")
        }
        let lossSums = unsafe array(body.loss_sum_bits, count)
        let tokenCounts = unsafe array(body.token_counts, count)
        let greedyMatches = unsafe array(body.greedy_matches, count)
        let classes = unsafe array(body.predicted_classes, classCount)
        return Evaluated(
            leaf: unsafe body.leaf,
            scores: (0..<count).map {
                Evaluated.Score(
                    lossSum: Double(bitPattern: lossSums[$0]), tokenCount: tokenCounts[$0],
                    greedyMatches: greedyMatches[$0],
                    predictedClass: classes.isEmpty || classes[$0] == 0 ? nil : classes[$0] - 1)
            })
    }

    private static func welcome(_ body: Shoal__Welcome) throws(WireProtocolError) -> Welcome {
        try unsafe Welcome(
            workerID: unsafe body.worker_id, configuration: text(unsafe body.configuration),
            adapterConfiguration: text(unsafe body.adapter_configuration),
            heartbeatSeconds: Double(bitPattern: unsafe body.heartbeat_seconds_bits),
            lostAfterSeconds: Double(bitPattern: unsafe body.lost_after_seconds_bits),
            orphanTimeoutSeconds: Double(bitPattern: unsafe body.orphan_timeout_seconds_bits),
            parameterCount: unsafe body.parameter_count)
    }

    private static func plan(_ body: Shoal__Plan) throws(WireProtocolError) -> Plan {
        var participants: [Plan.Participant] = []
        for index in unsafe 0..<body.n_participants {
            let participant = try unsafe present(body.participants?[index])
            unsafe participants.append(
                Plan.Participant(
                    id: unsafe participant.id, dataEndpoint: try text(unsafe participant.data_endpoint),
                    publicKey: try text(unsafe participant.public_key),
                    leaves: unsafe array(participant.leaves, participant.n_leaves)))
        }
        return unsafe Plan(
            leafCount: body.leaf_count, chunkElementCount: body.chunk_element_count,
            chunkOwners: array(body.chunk_owners, body.n_chunk_owners), participants: participants)
    }

    private static func stateChunk(_ body: Shoal__StateChunk) throws(WireProtocolError) -> StateChunk {
        let number = unsafe UInt32(truncatingIfNeeded: body.section.rawValue)
        guard let section = StateChunk.Section(rawValue: number) else {
            throw WireProtocolError(.malformed, "a state_chunk of the unknown section \(number)")
        }
        return unsafe StateChunk(
            section: section, elementOffset: body.element_offset, elementCount: body.element_count,
            sectionElementCount: body.section_element_count, checksum: body.checksum,
            isLast: body.is_last != 0, stateDigest: bytes(body.state_digest))
    }

    private static func gradientChunk(_ body: Shoal__GradientChunk) -> GradientChunk {
        unsafe GradientChunk(
            nodeLevel: body.node_level, nodeIndex: body.node_index, chunk: body.chunk,
            elementCount: body.element_count, checksum: body.checksum)
    }

    // MARK: - Parts

    /// A submessage that must be there.
    static func present<Message>(
        _ message: UnsafeMutablePointer<Message>?
    ) throws(WireProtocolError) -> Message {
        guard let message = unsafe message else {
            throw WireProtocolError(.malformed, "a message of type \(Message.self) is missing")
        }
        return unsafe message.pointee
    }

    static func text(_ characters: UnsafeMutablePointer<CChar>?) throws(WireProtocolError) -> String {
        guard let characters = unsafe characters else { return "" }
        guard let text = unsafe String(validatingCString: characters) else {
            throw WireProtocolError(.malformed, "a text that is not UTF-8")
        }
        return text
    }

    /// A text for people, which the sender has cut.
    private static func clippedText(
        _ characters: UnsafeMutablePointer<CChar>?
    ) throws(WireProtocolError) -> String {
        let text = try unsafe text(characters)
        guard text.utf8.count <= MessageLimits.textByteCount else {
            throw WireProtocolError(
                .tooLarge,
                "a message with a text of \(text.utf8.count) bytes, the limit is \(MessageLimits.textByteCount)"
            )
        }
        return text
    }

    static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
        unsafe array(data.data, data.len)
    }

    static func array<Element>(_ start: UnsafeMutablePointer<Element>?, _ count: Int) -> [Element] {
        unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }
}
