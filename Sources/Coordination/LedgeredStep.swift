/// A step whose line is in the ledger, as far as it may be needed again: to tell which state a worker kept, and to
/// finish the step where workers still hold its gradient.
public struct LedgeredStep: Sendable, Equatable {
    /// The attempt that was committed.
    public var generation: UInt64
    public var gradientDigest: [UInt8]
    /// Digest of the state before the step; empty where it was not taken.
    public var stateDigestBefore: [UInt8]
    /// Σ −log p over the global batch; nil where the line does not say.
    public var lossSum: Double?
    /// Whether the step leaves the state as it was (`on_non_finite: skip_step`).
    public var wasSkipped: Bool

    public init(
        generation: UInt64, gradientDigest: [UInt8], stateDigestBefore: [UInt8], lossSum: Double?,
        wasSkipped: Bool
    ) {
        self.generation = generation
        self.gradientDigest = gradientDigest
        self.stateDigestBefore = stateDigestBefore
        self.lossSum = lossSum
        self.wasSkipped = wasSkipped
    }
}
