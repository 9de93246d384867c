/// Checks that a ledger trained on every example once an epoch.
public struct LedgerAudit: Sendable, Equatable {
    /// Committed steps.
    public let stepCount: Int
    /// Epochs in which every example came exactly once.
    public let completeEpochCount: Int
    /// Examples of the epoch that is under way.
    public let openEpochExampleCount: Int
    /// Micro-batches that each worker computed.
    public let leavesByWorker: [UInt32: Int]
    /// What is wrong, one sentence each; empty when the promise holds.
    public let problems: [String]

    /// - Parameters:
    ///   - entries: all lines, from the first step on.
    ///   - exampleCount: examples of an epoch.
    public init(_ entries: [LedgerEntry], exampleCount: Int) {
        var problems: [String] = []
        var leavesByWorker: [UInt32: Int] = [:]
        var firstEpoch: Set<UInt32>?
        var epoch: Set<UInt32> = []
        var epochCount = 0
        for entry in entries {
            for worker in entry.leafWorkers { leavesByWorker[worker, default: 0] += 1 }
            for example in entry.exampleIDs {
                if !epoch.insert(example).inserted {
                    problems.append("step \(entry.step): example \(example) comes a second time in its epoch")
                }
                if let firstEpoch, !firstEpoch.contains(example) {
                    problems.append("step \(entry.step): example \(example) is not one of the first epoch")
                }
                guard epoch.count == exampleCount else { continue }
                firstEpoch = firstEpoch ?? epoch
                epochCount += 1
                epoch = []
            }
        }
        stepCount = entries.count
        completeEpochCount = epochCount
        openEpochExampleCount = epoch.count
        self.leavesByWorker = leavesByWorker
        self.problems = problems
    }
}
