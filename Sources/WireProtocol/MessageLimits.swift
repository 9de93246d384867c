/// The sizes a message may have. They are checked before anything is allocated for it; the numbers leave room
/// far above any run on CPUs, and keep what one peer can make another allocate small.
public enum MessageLimits {
    /// The protobuf frame. A plan with ``chunkCount`` owners has about 1 MiB.
    public static let headByteCount = 4 << 20
    /// A micro-batch frame, the largest of the raw frames (``MicroBatchCoding/maximumTokenCount``).
    public static let payloadFrameByteCount = 64 << 20
    /// The payload of a ``StateChunk`` or ``GradientChunk``.
    public static let chunkByteCount = 8 << 20
    /// What unpacking the protobuf frame may allocate: lists of many short entries grow by about eight.
    static let unpackedByteCount = 32 << 20

    /// Configurations in ``Welcome``.
    public static let configurationByteCount = 1 << 20
    /// Names, versions, endpoints.
    public static let nameByteCount = 1024
    /// Reasons and messages for people; longer ones are cut by the sender.
    public static let textByteCount = 4096
    /// SHA-256.
    public static let digestByteCount = 32
    /// A CURVE key in Z85.
    public static let publicKeyByteCount = 40

    /// Micro-batches of a step, and leaves in any list.
    public static let leafCount = 1 << 16
    public static let participantCount = 4096
    public static let chunkCount = 1 << 20
    /// Files of a base, and chunks of all of them together: half a terabyte of the largest chunks.
    public static let baseFileCount = 4096
    public static let baseChunkCount = 1 << 16
    /// Faults in one ``BaseProgress``.
    public static let baseFaultCount = 4096
    /// Sequences of one evaluated micro-batch.
    public static let scoreCount = 1 << 16
    /// Levels of the reduction tree above the leaves.
    public static let treeHeight = 16
}
