/// What outlives a coordinator: ledger, checkpoints, metrics. What is written is there for a coordinator that dies, but
/// a host that loses its power keeps only what was synced.
final class SimulatedDisk {
    /// A line of the ledger, as far as the machine writes it.
    struct Line: Equatable {
        var gradientDigest: [UInt8]
        var stateDigestBefore: [UInt8]
        var leafCount: Int
        var generation: UInt64
        var lossSum: Double
        var workerCount: Int
    }

    var ledger: [Line] = []
    /// Lines that are synced.
    var syncedLineCount = 0
    var checkpoint: (step: UInt64, parameters: [Float])
    /// The loss of each finished step; a replayed one must give the same.
    var losses: [UInt64: Double] = [:]
    var evaluations: Set<UInt64> = []
    /// What may not happen and did.
    var faults: [String] = []
    var maximumGeneration: UInt64 = 0
    var replayCount = 0
    /// Times that a run went on from what workers kept.
    var resumeCount = 0
    var evaluationCount = 0

    init(checkpoint: (step: UInt64, parameters: [Float])) { self.checkpoint = checkpoint }

    /// The same directory on another machine, from here on its own.
    func copy() -> SimulatedDisk {
        let copy = SimulatedDisk(checkpoint: checkpoint)
        copy.ledger = ledger
        copy.syncedLineCount = syncedLineCount
        copy.losses = losses
        copy.evaluations = evaluations
        return copy
    }

    /// What was not synced is lost, or torn, which the next life cuts off.
    func losePower() { ledger.removeLast(ledger.count - syncedLineCount) }

    func append(_ line: Line, step: UInt64) {
        if step <= UInt64(ledger.count) {
            if ledger[Int(step) - 1].gradientDigest != line.gradientDigest {
                faults.append("step \(step) was replayed with another gradient")
            }
        } else if step == UInt64(ledger.count) + 1 {
            ledger.append(line)
        } else {
            faults.append("step \(step) after \(ledger.count)")
        }
    }
}
