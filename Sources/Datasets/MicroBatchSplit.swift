public import Tensors

/// Cuts the sequences of a step into micro-batches of nearly equal cost.
///
/// A function of the sequences and these settings only, never of workers, rates, memory or time: how a step is
/// cut decides the shapes of all products and with them the last bits of the result.
///
/// - A micro-batch of several sequences has at most ``maxTokens`` tokens; a longer sequence is one by itself.
/// - The number of bins is ``microBatches``, or the number of sequences where that is less, or what the tokens
///   need (⌈tokens ÷ maxTokens⌉, long sequences apart) where that is more.
/// - Sequences are dealt by decreasing cost (ties: the earlier one first), each to the cheapest bin that has room
///   (ties: the first); where none has room a bin is added.
/// - Sequences keep the step's order inside a bin. Bins are ordered so that both halves of the reduction tree cost nearly
///   the same, and so do theirs: workers and their threads are dealt runs of micro-batches.
/// - Without packing each sequence is a micro-batch.
public struct MicroBatchSplit: Sendable, Equatable {
    /// `training.micro_batches`
    public var microBatches: Int
    /// `training.max_tokens_per_micro_batch`
    public var maxTokens: Int
    /// `data.packing`
    public var packing: Bool

    /// - Precondition: both counts are positive.
    public init(microBatches: Int, maxTokens: Int, packing: Bool = true) {
        precondition(
            microBatches > 0 && maxTokens > 0, "\(microBatches) micro-batches of \(maxTokens) tokens")
        self.microBatches = microBatches
        self.maxTokens = maxTokens
        self.packing = packing
    }

    /// The cost of a sequence: 3072 a token, the square of its tokens, and 768 a supervised token.
    ///
    /// The terms are the multiplications of the linear modules, of attention's scores and sums, and of the
    /// head's logits, in proportion for a model of 30 blocks, hidden size 576 and 49,152 tokens (3.5 million
    /// weights a block: 2 · 3.5e6 against 4 · 576 · T for attention; head 28 million against 106 million). For
    /// larger models the last two weigh less; being wrong costs balance, never bits.
    public static func cost(tokens: Int, supervised: Int) -> Int {
        tokens * (3072 + tokens) + 768 * supervised
    }

    /// The micro-batches of a step, in the order of the reduction tree's leaves.
    public func split(_ sequences: [TrainingSequence]) -> [MicroBatch] {
        bins(sequences).map { bin in MicroBatch(packing: bin.map { sequences[$0] }) }
    }

    /// The indices of each bin's sequences.
    func bins(_ sequences: [TrainingSequence]) -> [[Int]] {
        guard packing else { return sequences.indices.map { [$0] } }
        var bins = Array(repeating: Bin(), count: binCount(sequences))
        let costs = sequences.map {
            Self.cost(tokens: $0.tokenIDs.count, supervised: $0.supervisedTokenCount)
        }
        let order = sequences.indices.sorted { (costs[$0], $1) > (costs[$1], $0) }
        for index in order {
            let tokens = sequences[index].tokenIDs.count
            var cheapest: Int?
            for (number, bin) in bins.enumerated()
            where bin.indices.isEmpty || bin.tokens + tokens <= maxTokens {
                if cheapest.map({ bin.cost < bins[$0].cost }) ?? true { cheapest = number }
            }
            if cheapest == nil { bins.append(Bin()) }
            let number = cheapest ?? bins.count - 1
            bins[number].indices.append(index)
            bins[number].tokens += tokens
            bins[number].cost += costs[index]
        }
        let filled = bins.filter { !$0.indices.isEmpty }.map { bin in
            Bin(indices: bin.indices.sorted(), tokens: bin.tokens, cost: bin.cost)
        }
        return Self.balanced(
            filled.sorted { ($0.cost, $1.indices[0]) > ($1.cost, $0.indices[0]) }
        ).map(\.indices)
    }

    /// The bins, given by decreasing cost, as leaves of the reduction tree: each goes to the side that costs less for its
    /// number of leaves and has room, and so on within the sides.
    private static func balanced(_ bins: [Bin]) -> [Bin] {
        guard bins.count > 1 else { return bins }
        // The left child of the root is the largest whole tree that leaves something for the right one.
        let leftCount = 1 << (Int.bitWidth - (bins.count - 1).leadingZeroBitCount - 1)
        let rightCount = bins.count - leftCount
        var (left, right): ([Bin], [Bin]) = ([], [])
        var (leftCost, rightCost) = (0, 0)
        for bin in bins {
            let prefersLeft = leftCost * rightCount <= rightCost * leftCount
            if right.count == rightCount || (prefersLeft && left.count < leftCount) {
                left.append(bin)
                leftCost += bin.cost
            } else {
                right.append(bin)
                rightCost += bin.cost
            }
        }
        return balanced(left) + balanced(right)
    }

    private struct Bin {
        var indices: [Int] = []
        var tokens = 0
        var cost = 0
    }

    private func binCount(_ sequences: [TrainingSequence]) -> Int {
        var long = 0
        var tokens = 0
        for sequence in sequences {
            if sequence.tokenIDs.count >= maxTokens { long += 1 } else { tokens += sequence.tokenIDs.count }
        }
        return max(min(microBatches, sequences.count), long + (tokens + maxTokens - 1) / maxTokens)
    }
}

extension MicroBatch {
    /// Sequences one behind the other.
    public init(packing sequences: [TrainingSequence]) {
        self.init()
        for sequence in sequences {
            self.sequences.append(
                Sequence(
                    start: tokenIDs.count, count: sequence.tokenIDs.count, exampleID: sequence.exampleID,
                    exampleOffset: sequence.exampleOffset))
            tokenIDs += sequence.tokenIDs
            targets += sequence.targets
        }
    }
}
