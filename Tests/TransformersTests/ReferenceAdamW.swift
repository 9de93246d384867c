import Tensors

/// AdamW as PyTorch defines it, with clipping of the global norm at 1 and a weight decay of 0.01, in Double.
struct ReferenceAdamW {
    private var first: [Double]
    private var second: [Double]
    private let decays: [Bool]
    private var stepCount = 0
    private let learningRate: Double

    /// - Parameter decaysVectors: whether tensors of one dimension decay, too.
    init(layout: ParameterLayout, learningRate: Double, decaysVectors: Bool = true) {
        first = Array(repeating: 0, count: layout.count)
        second = first
        decays = layout.entries.flatMap { entry in
            Array(repeating: decaysVectors || entry.shape.count > 1, count: entry.count)
        }
        self.learningRate = learningRate
    }

    /// Returns the norm before clipping.
    mutating func step(parameters: Vector, gradient: Vector, tokenCount: Int64) -> Double {
        stepCount += 1
        var mean = gradient.toArray().map { Double($0) / Double(tokenCount) }
        let norm = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let factor = min(1, 1 / (norm + 1e-6))
        mean = mean.map { $0 * factor }
        var (correction1, correction2) = (1.0, 1.0)
        for _ in 0..<stepCount { (correction1, correction2) = (correction1 * 0.9, correction2 * 0.999) }
        for (i, g) in mean.enumerated() {
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g * g
            let denominator = (second[i] / (1 - correction2)).squareRoot() + 1e-8
            let decayed = Double(parameters[i]) * (decays[i] ? 1 - learningRate * 0.01 : 1)
            parameters[i] = Float(decayed - learningRate * first[i] / (1 - correction1) / denominator)
        }
        return norm
    }
}
