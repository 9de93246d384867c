import CMessages

extension MessagePacking {
    static func baseManifest(
        _ value: BaseManifest, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__BaseManifest> {
        let files = unsafe value.files.map { file in
            unsafe Optional(
                arena.make(shoal__base_file__init) { (message: inout Shoal__BaseFile) in
                    unsafe message.name = arena.text(file.name)
                    unsafe message.byte_count = file.byteCount
                    unsafe message.chunk_digests = arena.bytes(file.chunkDigests)
                })
        }
        return unsafe arena.make(shoal__base_manifest__init) {
            unsafe $0.base_digest = arena.text(value.baseDigest)
            unsafe $0.chunk_byte_count = value.chunkByteCount
            unsafe $0.n_files = files.count
            unsafe $0.files = arena.array(files)
        }
    }

    static func baseManifest(_ body: Shoal__BaseManifest) throws(WireProtocolError) -> BaseManifest {
        var files: [BaseManifest.File] = []
        for index in unsafe 0..<body.n_files {
            let file = try unsafe present(body.files?[index])
            files.append(
                BaseManifest.File(
                    name: try unsafe text(file.name), byteCount: unsafe file.byte_count,
                    chunkDigests: unsafe bytes(file.chunk_digests)))
        }
        return try unsafe BaseManifest(
            baseDigest: text(body.base_digest), chunkByteCount: body.chunk_byte_count, files: files)
    }

    static func baseProgress(
        _ value: BaseProgress, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__BaseProgress> {
        let faults = unsafe value.faults.map { fault in
            unsafe Optional(
                arena.make(shoal__base_fault__init) { (message: inout Shoal__BaseFault) in
                    unsafe message.source = fault.source
                    unsafe message.kind = Shoal__BaseFaultKind(rawValue: fault.kind.rawValue)
                    unsafe message.chunk = fault.chunk
                })
        }
        return unsafe arena.make(shoal__base_progress__init) {
            unsafe $0.manifest_digest = arena.bytes(value.manifestDigest)
            unsafe $0.endpoint = arena.text(value.endpoint)
            unsafe $0.public_key = arena.text(value.publicKey)
            unsafe $0.held = arena.bytes(value.held)
            unsafe $0.n_faults = faults.count
            unsafe $0.faults = arena.array(faults)
            unsafe $0.host = arena.text(value.host)
            unsafe $0.process_id = value.processID
        }
    }

    static func baseProgress(_ body: Shoal__BaseProgress) throws(WireProtocolError) -> BaseProgress {
        var faults: [BaseFault] = []
        for index in unsafe 0..<body.n_faults {
            let fault = try unsafe present(body.faults?[index])
            let number = unsafe UInt32(truncatingIfNeeded: fault.kind.rawValue)
            guard let kind = BaseFault.Kind(rawValue: number) else {
                throw WireProtocolError(.malformed, "a base_progress with a fault of unknown kind \(number)")
            }
            faults.append(BaseFault(source: unsafe fault.source, kind: kind, chunk: unsafe fault.chunk))
        }
        return try unsafe BaseProgress(
            manifestDigest: bytes(body.manifest_digest), endpoint: text(body.endpoint),
            publicKey: text(body.public_key), held: bytes(body.held), faults: faults,
            host: text(body.host), processID: body.process_id)
    }

    static func baseSources(
        _ value: BaseSources, _ arena: MessageArena
    ) -> UnsafeMutablePointer<Shoal__BaseSources> {
        let sources = unsafe value.sources.map { source in
            unsafe Optional(
                arena.make(shoal__base_source__init) { (message: inout Shoal__BaseSource) in
                    unsafe message.id = source.id
                    unsafe message.endpoint = arena.text(source.endpoint)
                    unsafe message.public_key = arena.text(source.publicKey)
                    unsafe message.n_chunks = source.chunks.count
                    unsafe message.chunks = arena.array(source.chunks)
                })
        }
        return unsafe arena.make(shoal__base_sources__init) {
            unsafe $0.n_sources = sources.count
            unsafe $0.sources = arena.array(sources)
        }
    }

    static func baseSources(_ body: Shoal__BaseSources) throws(WireProtocolError) -> BaseSources {
        var sources: [BaseSource] = []
        for index in unsafe 0..<body.n_sources {
            let source = try unsafe present(body.sources?[index])
            sources.append(
                BaseSource(
                    id: unsafe source.id, endpoint: try unsafe text(source.endpoint),
                    publicKey: try unsafe text(source.public_key),
                    chunks: unsafe array(source.chunks, source.n_chunks)))
        }
        return BaseSources(sources: sources)
    }
}
