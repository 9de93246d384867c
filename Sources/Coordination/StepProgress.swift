package import WireProtocol

/// How far the coordinator's present step is.
package struct StepProgress: Sendable {
    package let request: StepRequest
    package let began: Duration
    /// The attempt; from 1.
    package var generation: UInt64 = 0
    package var plan: Plan?
    /// The worker each leaf is with, computed or not.
    package var workerOfLeaf: [UInt32: UInt32] = [:]
    /// The attempt in which it came there.
    package var generationOfLeaf: [UInt32: UInt64] = [:]
    /// Reports of computed leaves; a leaf computed twice gives the same report.
    package var reports: [UInt32: LeafComputed] = [:]
    package var prepared: [UInt32: Prepared] = [:]
    /// Newcomers that keep the gradient of this attempt and take no part in it.
    package var followers: Set<UInt32> = []
    package var applied: [UInt32: Applied] = [:]
    /// What was last said about missing chunks in this attempt.
    package var stallReports: [UInt32: ExchangeStalled] = [:]
    /// Ways that stood still once in this step, and that nobody can stand in for.
    package var retriedPairs: Set<WorkerPair> = []
    /// When each worker last reported a leaf.
    package var lastReport: [UInt32: Duration] = [:]
    /// Workers that were asked to give up micro-batches.
    package var relieved: Set<UInt32> = []
    /// When the present attempt began.
    package var generationBegan: Duration
    /// When a worker last got on with it.
    package var lastProgress: Duration
    /// Exchanges that stood still.
    package var stalledExchangeCount = 0
    /// The ledger's line; from there on the step is not taken back.
    package var line: LedgeredStep?
    /// What all workers were told to apply. One for the step: whether it asks for a state digest must not differ among them, also
    /// for one that comes back while the others apply it.
    package var commit: Commit?

    package init(request: StepRequest, began: Duration) {
        self.request = request
        self.began = began
        lastProgress = began
        generationBegan = began
    }

    /// The leaves that `worker` has, computed or not.
    package func leaves(of worker: UInt32) -> Set<UInt32> {
        Set(workerOfLeaf.lazy.filter { $0.value == worker }.map(\.key))
    }

    /// Leaves that `worker` has still to compute, ascending.
    package func pendingLeaves(of worker: UInt32) -> [UInt32] {
        leaves(of: worker).filter { reports[$0] == nil }.sorted()
    }

    package var isLedgered: Bool { line != nil }

    /// Σ loss and tokens in the tree's order; nil while a leaf is missing.
    package var loss: (lossSum: Double, tokenCount: Int64)? {
        // A line whose loss is not finite does not say it.
        if let line { return (line.lossSum ?? .nan, request.supervisedTokenCount) }
        let sums = (0..<UInt32(request.leafCount)).compactMap { leaf in
            reports[leaf].map { (lossSum: $0.lossSum, tokenCount: $0.tokenCount) }
        }
        return ReductionTree(leafCount: request.leafCount).fold(sums) {
            (lossSum: $0.lossSum + $1.lossSum, tokenCount: $0.tokenCount &+ $1.tokenCount)
        }
    }

    /// Whether a leaf's loss or gradient was not finite.
    package var isNonFinite: Bool { line?.wasSkipped ?? reports.values.contains { !$0.isFinite } }
}
