package import Tensors

/// e^x for eight values at once, within 2 ulp on [−87.3, 88.3]; 0 below, clamped above; NaN stays NaN.
///
/// - Source: range reduction and polynomial of Cephes `expf` (Moshier); x = n·ln 2 + r, |r| ≤ ln 2 ÷ 2, with ln 2
///   split in two so that n · high part is exact.
@inline(__always)
func exponential(_ x: Lanes) -> Lanes {
    let vanishes = x .< -87.336_54
    var v = x.replacing(with: 0, where: vanishes)
    v.replace(with: 88.376_26, where: v .> 88.376_26)
    // Adding 1.5 · 2^23 rounds to the nearest integer, which then stands in the low bits of the sum.
    let shifted = v * 1.442_695_04 + 12_582_912
    let n = shifted - 12_582_912
    let r = (v - n * 0.693_359_375) - n * -2.121_944_4e-4
    var p = r * 1.987_569_15e-4 + 1.398_199_950_7e-3
    p = p * r + 8.333_451_907_3e-3
    p = p * r + 4.166_579_589_4e-2
    p = p * r + 1.666_666_545_9e-1
    p = p * r + 5.000_000_120_1e-1
    let fraction = (p * (r * r) + r) + 1
    let bits = unsafe unsafeBitCast(shifted, to: SIMD8<Int32>.self)
    let exponent = (bits &- (0x4B40_0000 - 127)) &<< 23
    let result = unsafe fraction * unsafeBitCast(exponent, to: Lanes.self)
    return result.replacing(with: 0, where: vanishes)
}

/// e^x for one value; the same bits as a lane of ``exponential(_:)-(Lanes)``.
@inline(__always)
func exponential(_ x: Float) -> Float { exponential(Lanes(repeating: x))[0] }

/// 1 ÷ (1 + e^−x)
@inline(__always)
func sigmoid(_ x: Lanes) -> Lanes { 1 / (1 + exponential(-x)) }

/// output = e^input, elementwise.
///
/// - Shapes: both [n].
/// - Numerics: within 2 ulp on [−87.3, 88.3].
package func exponentialForward(output: Vector, input: Vector) {
    precondition(output.count == input.count, "\(input.count) values into \(output.count)")
    let (y, x, n) = unsafe (output.writePointer, input.readPointer, input.count)
    var i = 0
    while i + laneCount <= n {
        unsafe y.setLanes(i, exponential(x.lanes(i)))
        i += laneCount
    }
    while i < n {
        unsafe y[i] = exponential(x[i])
        i += 1
    }
}
