/// Checks that a ledger trained on every example once an epoch, in the order that the sampler deals.
public struct LedgerAudit: Sendable, Equatable {
    /// What one worker did in one life of the coordinator; each life counts its workers from 1.
    public struct Share: Sendable, Equatable, Encodable {
        public let term: UInt64
        public let worker: UInt32
        /// Micro-batches whose gradients are in committed steps.
        public var microBatchCount: Int
        public let firstStep: Int
        public var lastStep: Int

        private enum CodingKeys: String, CodingKey {
            case term, worker
            case microBatchCount = "micro_batches"
            case firstStep = "first_step"
            case lastStep = "last_step"
        }
    }

    /// Committed steps.
    public let stepCount: Int
    /// Epochs in which every example came exactly once.
    public let completeEpochCount: Int
    /// Examples of the epoch that is under way.
    public let openEpochExampleCount: Int
    /// Steps that took more than one attempt.
    public let retriedStepCount: Int
    /// Coordinators that committed steps, one after the other.
    public let termCount: Int
    /// By term, then worker.
    public let shares: [Share]
    /// What is wrong, one sentence each; empty when the promise holds.
    public let problems: [String]

    /// - Parameters:
    ///   - entries: all lines, from the first step on.
    ///   - exampleCount: examples of an epoch.
    ///   - expected: the examples that the sampler deals to a step; nil leaves that out.
    public init(
        _ entries: [LedgerEntry], exampleCount: Int, expected: ((_ step: Int) -> [UInt32])? = nil
    ) {
        var problems: [String] = []
        var firstEpoch: Set<UInt32>?
        var epoch: Set<UInt32> = []
        var epochCount = 0
        for entry in entries {
            if let expected { problems += Self.problems(entry, expected: expected(entry.step)) }
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
        retriedStepCount = entries.count { $0.generation > 1 }
        termCount = Set(entries.map(\.term)).count
        shares = Self.shares(entries)
        self.problems = problems
    }

    /// Names the first example that is another than the sampler's.
    private static func problems(_ entry: LedgerEntry, expected: [UInt32]) -> [String] {
        guard entry.exampleIDs != expected else { return [] }
        let pairs = zip(entry.exampleIDs, expected)
        guard let (index, pair) = pairs.enumerated().first(where: { $0.element.0 != $0.element.1 }) else {
            return [
                "step \(entry.step): has \(entry.exampleIDs.count) examples, the sampler deals \(expected.count)"
            ]
        }
        return [
            "step \(entry.step): its example at place \(index + 1) is \(pair.0), the sampler deals \(pair.1) there"
        ]
    }

    private static func shares(_ entries: [LedgerEntry]) -> [Share] {
        struct Key: Hashable {
            let term: UInt64
            let worker: UInt32
        }
        var shares: [Key: Share] = [:]
        for entry in entries {
            for worker in entry.leafWorkers {
                let key = Key(term: entry.term, worker: worker)
                var share =
                    shares[key]
                    ?? Share(
                        term: entry.term, worker: worker, microBatchCount: 0, firstStep: entry.step,
                        lastStep: entry.step)
                share.microBatchCount += 1
                share.lastStep = entry.step
                shares[key] = share
            }
        }
        return shares.values.sorted { ($0.term, $0.worker) < ($1.term, $1.worker) }
    }
}
