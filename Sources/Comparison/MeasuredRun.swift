import Checkpoints
import Foundation
import Telemetry

/// The steps of a run, from the lines it wrote.
public struct MeasuredRun: Sendable {
    private let records: [StepRecord]
    private let microBatches: [Int]

    /// Reads the run at `path`; one that has not begun has no steps.
    public init(path: String) throws {
        records = try StepLog<StepRecord>.read(path + "/metrics.jsonl")
        let ledger = path + "/ledger.jsonl"
        microBatches =
            FileManager.default.fileExists(atPath: ledger)
            ? try Ledger.read(ledger).map { $0.leafWorkers.count } : []
    }

    /// Steps that are done.
    public var stepCount: Int { records.count }

    /// The last step's, as people watch it.
    public var last: (loss: Double, tokensPerSecond: Double)? {
        records.last.map { ($0.loss, $0.tokensPerSecond) }
    }

    public var steps: StepFigures? { StepFigures(records, microBatches: microBatches) }

    public var curve: LossCurve { LossCurve(records) }

    /// Whether every step that both have has the same gradient, to the bit.
    public func hasSameGradients(as other: MeasuredRun) -> Bool {
        !records.isEmpty && !other.records.isEmpty
            && zip(records, other.records).allSatisfy { $0.gradientDigest == $1.gradientDigest }
    }
}
