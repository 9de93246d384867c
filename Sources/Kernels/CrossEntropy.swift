import CKernels
import Glibc
public import Tensors

/// What one row of logits says about its target.
public struct TokenScore: Sendable, Equatable {
    /// −log p(target), in nats.
    public var loss: Double
    /// Whether the target is the likeliest id (the lowest of equals).
    public var isGreedyMatch: Bool
}

/// Loss of each row of logits and, in place, its gradient.
///
/// - Shapes: `logits` [M, V], on return ∂(Σ loss)/∂logits = softmax − one-hot; `targets` [M], each in 0..<V.
/// - Accumulates: adds −log p(target) in nats to `lossSum`, in Float64, row by row.
/// - Numerics: the row's maximum is taken out first; sums in Float32 in a fixed lane order.
public func crossEntropyGradient(logits: Matrix, targets: ArraySlice<Int32>, lossSum: inout Double) {
    checkTargets(logits: logits, targets: targets)
    for (row, target) in zip(0..<logits.rows, targets) {
        let z = unsafe logits.writeRow(row)
        let maximum = unsafe largest(z, logits.columns)
        let targetLogit = unsafe z[Int(target)]
        let total = unsafe exponentialsInPlace(z, logits.columns, minus: maximum)
        lossSum += Double(maximum) + log(Double(total)) - Double(targetLogit)
        unsafe scaleInPlace(z, logits.columns, by: 1 / total)
        unsafe z[Int(target)] -= 1
    }
}

/// Loss of each row of logits and whether its target is the likeliest id; destroys the logits.
///
/// - Shapes: `logits` [M, V]; `targets` [M], each in 0..<V.
public func crossEntropyScores(logits: Matrix, targets: ArraySlice<Int32>, into scores: inout [TokenScore]) {
    checkTargets(logits: logits, targets: targets)
    for (row, target) in zip(0..<logits.rows, targets) {
        let z = unsafe logits.writeRow(row)
        let maximum = unsafe largest(z, logits.columns)
        let targetLogit = unsafe z[Int(target)]
        var isFirstMaximum = targetLogit == maximum
        if isFirstMaximum {
            for id in 0..<Int(target) where unsafe z[id] == maximum { isFirstMaximum = false }
        }
        let total = unsafe exponentialsInPlace(z, logits.columns, minus: maximum)
        let loss = Double(maximum) + log(Double(total)) - Double(targetLogit)
        scores.append(TokenScore(loss: loss, isGreedyMatch: isFirstMaximum))
    }
}

private func checkTargets(logits: Matrix, targets: ArraySlice<Int32>) {
    precondition(targets.count == logits.rows, "\(targets.count) targets for \(logits.rows) rows of logits")
    for target in targets {
        precondition(target >= 0 && Int(target) < logits.columns, "target \(target) of \(logits.columns) ids")
    }
}

/// The largest of `count` ≥ 1 values; NaN loses every comparison.
func largest(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    unsafe CKernels_largest(ProductVariant.inUse.rawValue, count, x)
}

/// x = e^(x − shift), in place; returns the sum.
func exponentialsInPlace(_ x: UnsafeMutablePointer<Float>, _ count: Int, minus shift: Float) -> Float {
    unsafe CKernels_exponentials(ProductVariant.inUse.rawValue, count, x, shift)
}

/// x = x · factor, in place.
func scaleInPlace(_ x: UnsafeMutablePointer<Float>, _ count: Int, by factor: Float) {
    for i in 0..<count { unsafe x[i] *= factor }
}
