import CMessages

/// Swift values to protobuf-c's structures and back. Lengths and ranges are ``MessageRules``' business.
enum MessagePacking {
    /// The protobuf bytes of header and body.
    static func pack(_ envelope: Envelope) -> [UInt8] {
        let arena = MessageArena()
        let packed = unsafe arena.make(shoal__envelope__init) { (message: inout Shoal__Envelope) in
            let header = envelope.header
            unsafe message.protocol_version = header.protocolVersion
            unsafe message.run_id = header.runID
            unsafe message.term = header.term
            unsafe message.generation = header.generation
            unsafe message.step = header.step
            unsafe message.sender = header.sender
            unsafe fill(&message, envelope.body, arena)
        }
        let byteCount = unsafe shoal__envelope__get_packed_size(packed)
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initializedCount in
            unsafe initializedCount = shoal__envelope__pack(packed, buffer.baseAddress)
        }
    }

    private static func fill(_ message: inout Shoal__Envelope, _ body: Envelope.Body, _ arena: MessageArena) {
        switch body {
        case .register(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_REGISTRATION
            unsafe message.registration = registration(value, arena)
        case .stateLoaded(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_STATE_LOADED
            unsafe message.state_loaded = arena.make(shoal__state_loaded__init) {
                unsafe $0.state_digest = arena.bytes(value.stateDigest)
            }
        case .leafComputed(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_LEAF_COMPUTED
            unsafe message.leaf_computed = arena.make(shoal__leaf_computed__init) {
                unsafe $0.leaf = value.leaf
                unsafe $0.loss_sum_bits = value.lossSum.bitPattern
                unsafe $0.token_count = value.tokenCount
                unsafe $0.seconds_bits = value.seconds.bitPattern
                unsafe $0.is_finite = value.isFinite ? 1 : 0
            }
        case .prepared(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_PREPARED
            unsafe message.prepared = prepared(value, arena)
        case .applied(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_APPLIED
            unsafe message.applied = arena.make(shoal__applied__init) {
                unsafe $0.state_digest = arena.bytes(value.stateDigest)
                unsafe $0.gradient_norm_bits = value.gradientNorm.bitPattern
            }
        case .evaluated(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_EVALUATED
            unsafe message.evaluated = evaluated(value, arena)
        case .leave(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_LEAVE
            unsafe message.leave = arena.make(shoal__leave__init) {
                unsafe $0.reason = arena.clippedText(value.reason)
                unsafe $0.drains = value.drains ? 1 : 0
            }
        case .exchangeStalled(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_EXCHANGE_STALLED
            unsafe message.exchange_stalled = arena.make(shoal__exchange_stalled__init) {
                unsafe $0.n_partials_from = value.partialsFrom.count
                unsafe $0.partials_from = arena.array(value.partialsFrom)
                unsafe $0.n_reduced_from = value.reducedFrom.count
                unsafe $0.reduced_from = arena.array(value.reducedFrom)
            }
        case .welcome(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_WELCOME
            unsafe message.welcome = welcome(value, arena)
        case .refuse(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_REFUSAL
            unsafe message.refusal = arena.make(shoal__refusal__init) {
                unsafe $0.code = Shoal__RefusalCode(rawValue: value.code.rawValue)
                unsafe $0.message = arena.clippedText(value.message)
            }
        case .assign(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_ASSIGNMENT
            unsafe message.assignment = arena.make(shoal__assignment__init) {
                unsafe $0.plan = plan(value.plan, arena)
                unsafe $0.n_leaves = value.leaves.count
                unsafe $0.leaves = arena.array(value.leaves)
                unsafe $0.follows = value.follows ? 1 : 0
            }
        case .commit(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_COMMIT
            unsafe message.commit = arena.make(shoal__commit__init) {
                unsafe $0.gradient_digest = arena.bytes(value.gradientDigest)
                unsafe $0.token_count = value.tokenCount
                unsafe $0.learning_rate_bits = value.learningRate.bitPattern
                unsafe $0.bias_correction1_bits = value.biasCorrection1.bitPattern
                unsafe $0.bias_correction2_bits = value.biasCorrection2.bitPattern
                unsafe $0.skips_update = value.skipsUpdate ? 1 : 0
                unsafe $0.skips_state_digest = value.skipsStateDigest ? 1 : 0
            }
        case .abort(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_ABORT
            unsafe message.abort = arena.make(shoal__abort__init) {
                unsafe $0.reason = arena.clippedText(value.reason)
            }
        case .evaluate(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_EVALUATION_ASSIGNMENT
            unsafe message.evaluation_assignment = arena.make(shoal__evaluation_assignment__init) {
                unsafe $0.n_leaves = value.leaves.count
                unsafe $0.leaves = arena.array(value.leaves)
            }
        case .snapshotRequest:
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_SNAPSHOT_REQUEST
            unsafe message.snapshot_request = arena.make(shoal__snapshot_request__init)
        case .finish(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_FINISH
            unsafe message.finish = arena.make(shoal__finish__init) {
                unsafe $0.reason = arena.clippedText(value.reason)
            }
        case .statusRequest:
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_STATUS_REQUEST
            unsafe message.status_request = arena.make(shoal__status_request__init)
        case .statusReport(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_STATUS_REPORT
            unsafe message.status_report = statusReport(value, arena)
        case .stateChunk(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_STATE_CHUNK
            unsafe message.state_chunk = stateChunk(value, arena)
        case .heartbeat(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_HEARTBEAT
            unsafe message.heartbeat = arena.make(shoal__heartbeat__init) {
                unsafe $0.sequence = value.sequence
            }
        case .errorReport(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_ERROR_REPORT
            unsafe message.error_report = arena.make(shoal__error_report__init) {
                unsafe $0.code = value.code
                unsafe $0.message = arena.clippedText(value.message)
            }
        case .leafRelease(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_LEAF_RELEASE
            unsafe message.leaf_release = arena.make(shoal__leaf_release__init) {
                unsafe $0.n_leaves = value.leaves.count
                unsafe $0.leaves = arena.array(value.leaves)
            }
        case .baseRequest(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_REQUEST
            unsafe message.base_request = arena.make(shoal__base_request__init) {
                unsafe $0.gives = value.gives ? 1 : 0
            }
        case .baseProgress(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_PROGRESS
            unsafe message.base_progress = baseProgress(value, arena)
        case .baseManifest(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_MANIFEST
            unsafe message.base_manifest = baseManifest(value, arena)
        case .baseSources(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_SOURCES
            unsafe message.base_sources = baseSources(value, arena)
        case .baseChunkRequest(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_CHUNK_REQUEST
            unsafe message.base_chunk_request = arena.make(shoal__base_chunk_request__init) {
                unsafe $0.chunk = value.chunk
            }
        case .baseChunk(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_BASE_CHUNK
            unsafe message.base_chunk = arena.make(shoal__base_chunk__init) {
                unsafe $0.chunk = value.chunk
                unsafe $0.byte_count = value.byteCount
            }
        case .partial(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_PARTIAL
            unsafe message.partial = gradientChunk(value, arena)
        case .reduced(let value):
            unsafe message.body_case = SHOAL__ENVELOPE__BODY_REDUCED
            unsafe message.reduced = gradientChunk(value, arena)
        }
    }

    // MARK: - Larger bodies

    private static func registration(
        _ value: Register, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__Registration> {
        unsafe arena.make(shoal__registration__init) { message in
            unsafe message.shoal_version = arena.text(value.shoalVersion)
            unsafe message.host = arena.text(value.host)
            unsafe message.process_id = value.processID
            unsafe message.base_digest = arena.text(value.baseDigest)
            unsafe message.numerics = arena.make(shoal__numerics_fingerprint__init) {
                unsafe $0.blas = arena.text(value.numerics.blas)
                unsafe $0.core = arena.text(value.numerics.core)
                unsafe $0.kernels = arena.text(value.numerics.kernels)
            }
            unsafe message.thread_count = value.threadCount
            unsafe message.data_endpoint = arena.text(value.dataEndpoint)
            unsafe message.public_key = arena.text(value.publicKey)
            guard let held = value.held else { return }
            unsafe message.held = arena.make(shoal__held_state__init) {
                unsafe $0.run_id = held.runID
                unsafe $0.step = held.step
                unsafe $0.state_digest = arena.bytes(held.stateDigest)
                unsafe $0.has_prepared = held.preparedGeneration == nil ? 0 : 1
                unsafe $0.prepared_generation = held.preparedGeneration ?? 0
                unsafe $0.prepared_digest = arena.bytes(held.preparedDigest)
                unsafe $0.gradient_norm_bits = held.gradientNorm.bitPattern
            }
        }
    }

    private static func prepared(
        _ value: Prepared, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__Prepared> {
        unsafe arena.make(shoal__prepared__init) {
            unsafe $0.gradient_digest = arena.bytes(value.gradientDigest)
            unsafe $0.compute_seconds_bits = value.computeSeconds.bitPattern
            unsafe $0.reduce_seconds_bits = value.reduceSeconds.bitPattern
            unsafe $0.exposed_reduce_seconds_bits = value.exposedReduceSeconds.bitPattern
            unsafe $0.bytes_sent = value.bytesSent
            unsafe $0.bytes_received = value.bytesReceived
            unsafe $0.peak_resident_bytes = value.peakResidentBytes
            unsafe $0.messages_dropped = value.messagesDropped
            unsafe $0.connections_refused = value.connectionsRefused
        }
    }

    private static func evaluated(
        _ value: Evaluated, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__Evaluated> {
        unsafe arena.make(shoal__evaluated__init) {
            unsafe $0.leaf = value.leaf
            unsafe $0.n_loss_sum_bits = value.scores.count
            unsafe $0.loss_sum_bits = arena.array(value.scores.map(\.lossSum.bitPattern))
            unsafe $0.n_token_counts = value.scores.count
            unsafe $0.token_counts = arena.array(value.scores.map(\.tokenCount))
            unsafe $0.n_greedy_matches = value.scores.count
            unsafe $0.greedy_matches = arena.array(value.scores.map(\.greedyMatches))
            guard value.scores.contains(where: { $0.predictedClass != nil }) else { return }
            unsafe $0.n_predicted_classes = value.scores.count
            unsafe $0.predicted_classes = arena.array(
                value.scores.map { score in score.predictedClass.map { $0 &+ 1 } ?? 0 })
        }
    }

    private static func welcome(
        _ value: Welcome, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__Welcome> {
        unsafe arena.make(shoal__welcome__init) {
            unsafe $0.worker_id = value.workerID
            unsafe $0.configuration = arena.text(value.configuration)
            unsafe $0.adapter_configuration = arena.text(value.adapterConfiguration)
            unsafe $0.heartbeat_seconds_bits = value.heartbeatSeconds.bitPattern
            unsafe $0.lost_after_seconds_bits = value.lostAfterSeconds.bitPattern
            unsafe $0.orphan_timeout_seconds_bits = value.orphanTimeoutSeconds.bitPattern
            unsafe $0.parameter_count = value.parameterCount
        }
    }

    private static func plan(_ value: Plan, _ arena: MessageArena) -> UnsafeMutablePointer<Shoal__Plan> {
        let participants = unsafe value.participants.map { participant in
            unsafe Optional(
                arena.make(shoal__participant__init) { (message: inout Shoal__Participant) in
                    unsafe message.id = participant.id
                    unsafe message.data_endpoint = arena.text(participant.dataEndpoint)
                    unsafe message.public_key = arena.text(participant.publicKey)
                    unsafe message.n_leaves = participant.leaves.count
                    unsafe message.leaves = arena.array(participant.leaves)
                })
        }
        return unsafe arena.make(shoal__plan__init) {
            unsafe $0.leaf_count = value.leafCount
            unsafe $0.chunk_element_count = value.chunkElementCount
            unsafe $0.n_chunk_owners = value.chunkOwners.count
            unsafe $0.chunk_owners = arena.array(value.chunkOwners)
            unsafe $0.n_participants = participants.count
            unsafe $0.participants = arena.array(participants)
        }
    }

    private static func stateChunk(
        _ value: StateChunk, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__StateChunk> {
        unsafe arena.make(shoal__state_chunk__init) {
            unsafe $0.section = Shoal__StateSection(rawValue: value.section.rawValue)
            unsafe $0.element_offset = value.elementOffset
            unsafe $0.element_count = value.elementCount
            unsafe $0.section_element_count = value.sectionElementCount
            unsafe $0.checksum = value.checksum
            unsafe $0.is_last = value.isLast ? 1 : 0
            unsafe $0.state_digest = arena.bytes(value.stateDigest)
        }
    }

    private static func gradientChunk(
        _ value: GradientChunk, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__GradientChunk> {
        unsafe arena.make(shoal__gradient_chunk__init) {
            unsafe $0.node_level = value.nodeLevel
            unsafe $0.node_index = value.nodeIndex
            unsafe $0.chunk = value.chunk
            unsafe $0.element_count = value.elementCount
            unsafe $0.checksum = value.checksum
        }
    }
}
