import RandomNumbers
import Synchronization

/// Which rows each step trains on: a function of seed, epoch and step, so that a run can go on anywhere.
///
/// An epoch visits every row once: the rows in order, or permuted by a Fisher–Yates shuffle whose numbers come
/// from Philox4x32-10. For i = n − 1 … 1, row i is swapped with row j = ⌊u · (i + 1) ÷ 2^64⌋, u being words 0 (low)
/// and 1 of the block at (purpose shuffle, 0, epoch, i, 0) under the seed. An epoch is cut into steps of
/// `batchSize` rows; its last may be smaller.
public final class StepSampler: Sendable {
    /// How long a run is.
    public enum Length: Sendable, Equatable {
        /// So many steps.
        case steps(Int)
        /// So many passes over the rows; a fraction is rounded up to whole steps.
        case epochs(Double)
    }

    /// Where a step is.
    public struct Position: Sendable, Equatable {
        /// The pass over the rows, from 0.
        public var epoch: Int
        /// The step in its epoch, from 0.
        public var stepInEpoch: Int
        /// Whether it is its epoch's last.
        public var endsEpoch: Bool

        public init(epoch: Int, stepInEpoch: Int, endsEpoch: Bool) {
            self.epoch = epoch
            self.stepInEpoch = stepInEpoch
            self.endsEpoch = endsEpoch
        }
    }

    /// The rows' ids, in the order of the data.
    public let exampleIDs: [UInt32]
    /// Rows of a step.
    public let batchSize: Int
    /// Key of the shuffle.
    public let seed: UInt64
    /// Whether each epoch is permuted.
    public let shuffles: Bool
    /// Steps of an epoch.
    public let stepsPerEpoch: Int
    /// Steps of the run.
    public let totalSteps: Int
    private let newest = Mutex<(epoch: Int, order: [UInt32])?>(nil)

    /// - Precondition: `exampleIDs` is not empty, `batchSize` and the length are positive.
    public init(exampleIDs: [UInt32], batchSize: Int, seed: UInt64, shuffles: Bool, length: Length) {
        precondition(
            !exampleIDs.isEmpty && batchSize > 0, "\(exampleIDs.count) rows in batches of \(batchSize)")
        self.exampleIDs = exampleIDs
        self.batchSize = batchSize
        self.seed = seed
        self.shuffles = shuffles
        let stepsPerEpoch = (exampleIDs.count - 1) / batchSize + 1
        self.stepsPerEpoch = stepsPerEpoch
        switch length {
        case .steps(let count):
            totalSteps = max(1, count)
        case .epochs(let count):
            // 0.1 · 30 is a little more than 3 in binary: three steps are meant, not four.
            let steps = (count * Double(stepsPerEpoch) * (1 - 1e-12)).rounded(.up)
            totalSteps = max(1, Int(exactly: min(steps, 0x1p53)) ?? 1)
        }
    }

    /// Where step `step` (from 1) is.
    public func position(ofStep step: Int) -> Position {
        precondition(step >= 1, "step \(step); steps count from 1")
        let (epoch, stepInEpoch) = (step - 1).quotientAndRemainder(dividingBy: stepsPerEpoch)
        return Position(epoch: epoch, stepInEpoch: stepInEpoch, endsEpoch: stepInEpoch == stepsPerEpoch - 1)
    }

    /// Epochs finished after step `step`, as metrics report it: 1.5 is half way through the second.
    public func epochs(afterStep step: Int) -> Double { Double(step) / Double(stepsPerEpoch) }

    /// The rows of step `step` (from 1), in their order.
    public func exampleIDs(ofStep step: Int) -> [UInt32] {
        let position = position(ofStep: step)
        let start = position.stepInEpoch * batchSize
        return Array(order(ofEpoch: position.epoch)[start..<min(start + batchSize, exampleIDs.count)])
    }

    /// The order of the rows in an epoch; the newest one asked for is kept.
    public func order(ofEpoch epoch: Int) -> [UInt32] {
        guard shuffles else { return exampleIDs }
        return newest.withLock { newest in
            if let newest, newest.epoch == epoch { return newest.order }
            let order = Self.shuffled(exampleIDs, seed: seed, epoch: epoch)
            newest = (epoch, order)
            return order
        }
    }

    /// `ids` in the order of epoch `epoch` under `seed`.
    public static func shuffled(_ ids: [UInt32], seed: UInt64, epoch: Int) -> [UInt32] {
        var order = ids
        for index in stride(from: order.count - 1, through: 1, by: -1) {
            let block = Philox.block(
                key: seed,
                counter: Philox.counter(
                    .shuffle, low: 0, UInt32(truncatingIfNeeded: epoch), UInt32(truncatingIfNeeded: index), 0)
            )
            let random = UInt64(block[1]) << 32 | UInt64(block[0])
            let other = Int(random.multipliedFullWidth(by: UInt64(index) + 1).high)
            order.swapAt(index, other)
        }
        return order
    }
}
