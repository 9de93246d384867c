/// Somebody asks what the base is made of.
public struct BaseRequest: Sendable, Equatable {
    /// It has the base, and would give it: it is answered as soon as somebody lacks it.
    public var gives: Bool
    public init(gives: Bool = false) { self.gives = gives }
}

/// The files of the run's base, cut into chunks with a digest each.
///
/// Chunks count through the files, in order; the last one of a file may be shorter, and an empty file has none.
public struct BaseManifest: Sendable, Equatable {
    public struct File: Sendable, Equatable {
        /// A name without folders.
        public var name: String
        public var byteCount: UInt64
        /// SHA-256 of each chunk, one behind the other.
        public var chunkDigests: [UInt8]

        public init(name: String, byteCount: UInt64, chunkDigests: [UInt8]) {
            self.name = name
            self.byteCount = byteCount
            self.chunkDigests = chunkDigests
        }
    }
    /// Hexadecimal digest of the base, as in a ``Register``.
    public var baseDigest: String
    public var chunkByteCount: UInt32
    public var files: [File]

    public init(baseDigest: String, chunkByteCount: UInt32, files: [File]) {
        self.baseDigest = baseDigest
        self.chunkByteCount = chunkByteCount
        self.files = files
    }
}

/// Why a worker turns from one that gives it the base.
public struct BaseFault: Sendable, Equatable {
    public enum Kind: UInt32, Sendable, CaseIterable {
        /// No connection, or none any more.
        case unreachable = 1
        /// Nothing came for long.
        case silent = 2
        /// Bytes with another digest.
        case wrongBytes = 3
        /// It does not have what it said it has.
        case notHeld = 4
    }
    /// ``BaseSource/id``
    public var source: UInt32
    public var kind: Kind
    public var chunk: UInt32

    public init(source: UInt32, kind: Kind, chunk: UInt32) {
        self.source = source
        self.kind = kind
        self.chunk = chunk
    }
}

/// What a worker has of the base, where others get it, and who gave it trouble.
public struct BaseProgress: Sendable, Equatable {
    /// SHA-256 over the manifest that it has.
    public var manifestDigest: [UInt8]
    /// `tcp://HOST:PORT` or `ipc://PATH`; empty when it gives nothing to others.
    public var endpoint: String
    /// In Z85; empty where the transport is plain.
    public var publicKey: String
    /// A bit a chunk, the first in the lowest bit of the first byte.
    public var held: [UInt8]
    /// Since the last of these messages.
    public var faults: [BaseFault]
    /// As in a ``Register``, for who looks at the run.
    public var host: String
    public var processID: UInt32

    public init(
        manifestDigest: [UInt8], endpoint: String, publicKey: String, held: [UInt8], faults: [BaseFault],
        host: String = "", processID: UInt32 = 0
    ) {
        self.manifestDigest = manifestDigest
        self.endpoint = endpoint
        self.publicKey = publicKey
        self.held = held
        self.faults = faults
        self.host = host
        self.processID = processID
    }
}

/// A worker to get chunks from.
public struct BaseSource: Sendable, Equatable {
    /// From 1; 0 is the coordinator.
    public var id: UInt32
    public var endpoint: String
    public var publicKey: String
    /// To ask for there.
    public var chunks: [UInt32]

    public init(id: UInt32, endpoint: String, publicKey: String, chunks: [UInt32]) {
        self.id = id
        self.endpoint = endpoint
        self.publicKey = publicKey
        self.chunks = chunks
    }
}

/// From whom to get what. What the coordinator gives itself comes as chunks, without asking.
public struct BaseSources: Sendable, Equatable {
    public var sources: [BaseSource]
    public init(sources: [BaseSource]) { self.sources = sources }
}

/// One worker asks another for a chunk.
public struct BaseChunkRequest: Sendable, Equatable {
    public var chunk: UInt32
    public init(chunk: UInt32) { self.chunk = chunk }
}

/// A chunk of the base, in one payload frame; without bytes where the asked one does not have it.
public struct BaseChunk: Sendable, Equatable {
    public var chunk: UInt32
    public var byteCount: UInt32

    public init(chunk: UInt32, byteCount: UInt32) {
        self.chunk = chunk
        self.byteCount = byteCount
    }
}
