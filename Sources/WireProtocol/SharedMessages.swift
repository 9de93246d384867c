/// A piece of the training state (parameters, then first, then second moments), either way.
/// The payload is one frame.
public struct StateChunk: Sendable, Equatable {
    /// The three flat vectors of a state, in the order in which they are sent.
    public enum Section: UInt32, Sendable, CaseIterable {
        case parameters = 1
        case firstMoments = 2
        case secondMoments = 3
    }
    public var section: Section
    /// First element of this chunk in the section.
    public var elementOffset: UInt64
    public var elementCount: UInt32
    /// Elements of each section.
    public var sectionElementCount: UInt64
    /// CRC-32 (zlib) of the payload.
    public var checksum: UInt32
    /// True on the last chunk of the last section.
    public var isLast: Bool
    /// Digest of the whole state; the receiver compares it with its own.
    public var stateDigest: [UInt8]

    public init(
        section: Section, elementOffset: UInt64, elementCount: UInt32, sectionElementCount: UInt64,
        checksum: UInt32, isLast: Bool, stateDigest: [UInt8]
    ) {
        self.section = section
        self.elementOffset = elementOffset
        self.elementCount = elementCount
        self.sectionElementCount = sectionElementCount
        self.checksum = checksum
        self.isLast = isLast
        self.stateDigest = stateDigest
    }
}

/// Sent both ways every `heartbeat_seconds`, never behind bulk.
public struct Heartbeat: Sendable, Equatable {
    /// Counts up per sender, so that a gap is seen.
    public var sequence: UInt64
    public init(sequence: UInt64) { self.sequence = sequence }
}

/// Something failed at the sender that the other side must know before the sender goes.
public struct ErrorReport: Sendable, Equatable {
    /// Exit status of the command line that fits (65 data, 70 internal, 74 input/output).
    public var code: UInt32
    public var message: String

    public init(code: UInt32, message: String) {
        self.code = code
        self.message = message
    }
}

/// One chunk of one node's partial sum (`partial`) or of the whole reduced gradient (`reduced`, level and
/// index 0). The payload is one frame of little-endian Float32.
public struct GradientChunk: Sendable, Equatable {
    /// The node (l, i) of the reduction tree covers leaves [i·2^l, (i+1)·2^l).
    public var nodeLevel: UInt32
    public var nodeIndex: UInt32
    /// Which chunk of the flat gradient; its place follows from the plan.
    public var chunk: UInt32
    public var elementCount: UInt32
    /// CRC-32 (zlib) of the payload.
    public var checksum: UInt32

    public init(nodeLevel: UInt32, nodeIndex: UInt32, chunk: UInt32, elementCount: UInt32, checksum: UInt32) {
        self.nodeLevel = nodeLevel
        self.nodeIndex = nodeIndex
        self.chunk = chunk
        self.elementCount = elementCount
        self.checksum = checksum
    }
}

/// Micro-batches that are to be given up unless they are computed (to a worker), or that are given up and may be dealt
/// to others (from one).
public struct LeafRelease: Sendable, Equatable {
    public var leaves: [UInt32]
    public init(leaves: [UInt32]) { self.leaves = leaves }
}
