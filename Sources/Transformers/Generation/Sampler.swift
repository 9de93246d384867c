import Glibc
import RandomNumbers
public import Tensors

/// How the next token is chosen.
public struct SamplingOptions: Sendable, Equatable {
    /// Logits are divided by it; 0 takes the likeliest token always (greedy).
    public var temperature: Double
    /// Only the k likeliest tokens are candidates; nil for all.
    public var topK: Int?
    /// Only the likeliest tokens that together reach this probability are candidates; 1 for all.
    public var topP: Double
    /// Key of the random numbers.
    public var seed: UInt64

    public init(temperature: Double = 0, topK: Int? = nil, topP: Double = 1, seed: UInt64 = 42) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }
}

/// Chooses token after token from logits; the same seed chooses the same tokens.
///
/// Temperature, then top-k, then top-p, as in Hugging Face's `generate`. Of equal logits the lowest id comes first.
public struct Sampler: Sendable {
    public let options: SamplingOptions
    /// Tokens chosen so far; the counter of the random numbers.
    private var drawn: UInt32 = 0

    public init(options: SamplingOptions) { self.options = options }

    /// The next token.
    ///
    /// - Shapes: `logits` [V], V ≥ 1.
    public mutating func next(logits: Vector) -> Int32 {
        let values = logits.toArray()
        var best = 0
        for (id, value) in values.enumerated() where value > values[best] { best = id }
        guard options.temperature > 0 else { return Int32(best) }
        let block = Philox.block(
            key: options.seed, counter: Philox.counter(.sampling, low: 0, drawn, 0, 0))
        drawn &+= 1
        let maximum = Double(values[best])
        let weights = values.map { exp((Double($0) - maximum) / options.temperature) }
        let chosen = pick(
            candidates(weights: weights, values: values), weights: weights,
            fraction: Double(Philox.unitInterval(block[0])))
        return Int32(chosen ?? best)
    }

    /// The ids that may be chosen: all in order of id, or the likeliest first where top-k or top-p leaves some out.
    private func candidates(weights: [Double], values: [Float]) -> [Int] {
        let limit = min(max(options.topK ?? values.count, 1), values.count)
        guard limit < values.count || options.topP < 1 else { return Array(values.indices) }
        func isBefore(_ a: Int, _ b: Int) -> Bool { values[a] > values[b] || values[a] == values[b] && a < b }
        var ids = Array(likeliest(limit, values: values).sorted(by: isBefore))
        guard options.topP < 1 else { return ids }
        let total = ids.reduce(0) { $0 + weights[$1] }
        var (reached, kept) = (0.0, 0)
        while kept < ids.count, kept == 0 || reached < options.topP * total {
            reached += weights[ids[kept]]
            kept += 1
        }
        ids.removeLast(ids.count - kept)
        return ids
    }

    /// The ids of the `limit` largest values, the lowest ids first among equals; in no particular order.
    private func likeliest(_ limit: Int, values: [Float]) -> [Int] {
        guard limit < values.count else { return Array(values.indices) }
        let threshold = values.sorted(by: >)[limit - 1]
        let above = values.indices.filter { values[$0] > threshold }
        let equal = values.indices.lazy.filter { values[$0] == threshold }
        return above + equal.prefix(limit - above.count)
    }

    /// The candidate at `fraction` of the candidates' total weight.
    private func pick(_ ids: [Int], weights: [Double], fraction: Double) -> Int? {
        let target = fraction * ids.reduce(0) { $0 + weights[$1] }
        var reached = 0.0
        for id in ids {
            reached += weights[id]
            if reached > target { return id }
        }
        return ids.last
    }
}
