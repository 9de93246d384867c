public import DurableFiles
import Foundation
import Telemetry

/// A line of `ledger.jsonl`: one committed step, on disk before any worker may apply it.
public struct LedgerEntry: Sendable, Equatable {
    /// The optimizer step, from 1.
    public var step: Int
    /// The coordinator's life that committed it.
    public var term: UInt64
    /// The attempt that was committed.
    public var generation: UInt64
    /// The learning rate it was applied with: what a replay takes, whatever the schedule is by then.
    public var learningRate: Float
    /// Rows of the dataset in the global batch, in the order of the epoch's permutation.
    public var exampleIDs: [UInt32]
    /// The worker that computed each micro-batch.
    public var leafWorkers: [UInt32]
    /// Digest of the reduced gradient.
    public var gradientDigest: Digest
    /// Digest of the state before the step; nil where it was not taken, as between two `cluster.digest_every` of a base
    /// that is trained.
    public var stateDigestBefore: Digest?
    /// Σ −log p over the global batch; nil where it is not finite.
    public var lossSum: Double?
    /// Whether the step left the state as it was, because a loss or gradient was not finite.
    public var wasSkipped: Bool
    /// SHA-256 of the line before, without its line break; ``noLine`` in the first.
    public var previous: Digest

    public init(
        step: Int, term: UInt64, generation: UInt64, learningRate: Float, exampleIDs: [UInt32],
        leafWorkers: [UInt32], gradientDigest: Digest, stateDigestBefore: Digest?, lossSum: Double? = nil,
        wasSkipped: Bool = false, previous: Digest
    ) {
        self.step = step
        self.term = term
        self.generation = generation
        self.learningRate = learningRate
        self.exampleIDs = exampleIDs
        self.leafWorkers = leafWorkers
        self.gradientDigest = gradientDigest
        self.stateDigestBefore = stateDigestBefore
        self.lossSum = lossSum.flatMap { $0.isFinite ? $0 : nil }
        self.wasSkipped = wasSkipped
        self.previous = previous
    }

    /// What stands for the hash of the line before the first: SHA-256 of nothing.
    public static let noLine = Digest.sha256("")

    /// The line, without a line break.
    public var jsonLine: String {
        var line = JSONLine()
        line.add("step", step)
        line.add("term", term)
        line.add("generation", generation)
        line.add("learning_rate", Double(learningRate))
        line.add("examples", exampleIDs)
        line.add("leaf_workers", leafWorkers)
        line.add("gradient_digest", gradientDigest.hex)
        line.add("state_digest_before", stateDigestBefore?.hex)
        if let lossSum { line.add("loss_sum", lossSum) }
        if wasSkipped { line.add("skipped", true) }
        line.add("previous", previous.hex)
        return line.text
    }
}

extension LedgerEntry: Decodable {
    private enum CodingKeys: String, CodingKey {
        case step, term, generation, previous
        case learningRate = "learning_rate"
        case exampleIDs = "examples"
        case leafWorkers = "leaf_workers"
        case gradientDigest = "gradient_digest"
        case stateDigestBefore = "state_digest_before"
        case lossSum = "loss_sum"
        case wasSkipped = "skipped"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        step = try values.decode(Int.self, forKey: .step)
        term = try values.decode(UInt64.self, forKey: .term)
        generation = try values.decode(UInt64.self, forKey: .generation)
        learningRate = try values.decode(Float.self, forKey: .learningRate)
        exampleIDs = try values.decode([UInt32].self, forKey: .exampleIDs)
        leafWorkers = try values.decode([UInt32].self, forKey: .leafWorkers)
        gradientDigest = try values.decode(Digest.self, forKey: .gradientDigest)
        stateDigestBefore = try values.decodeIfPresent(Digest.self, forKey: .stateDigestBefore)
        lossSum = try values.decodeIfPresent(Double.self, forKey: .lossSum)
        wasSkipped = try values.decodeIfPresent(Bool.self, forKey: .wasSkipped) ?? false
        previous = try values.decode(Digest.self, forKey: .previous)
    }
}
