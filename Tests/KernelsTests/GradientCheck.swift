import RandomNumbers
import Tensors

/// Seeded values in [−1, 1).
func randomValues(_ count: Int, seed: UInt64) -> [Float] {
    (0..<count).map { index in
        let block = Philox.block(key: seed, counter: .init(UInt32(index), 0, 0, 0))
        return 2 * Philox.unitInterval(block[0]) - 1
    }
}

func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    Vector(randomValues(rows * columns, seed: seed)).matrix(rows: rows, columns: columns)
}

extension Matrix {
    var doubles: [Double] { toArray().map(Double.init) }
}

/// ∂f/∂x by central differences in Float64.
func numericGradient(at x: [Double], of f: ([Double]) -> Double) -> [Double] {
    let step = 1e-5
    var point = x
    return x.indices.map { i in
        point[i] = x[i] + step
        let above = f(point)
        point[i] = x[i] - step
        let below = f(point)
        point[i] = x[i]
        return (above - below) / (2 * step)
    }
}

/// Σ a·b
func weighted(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// ‖a − b‖ ÷ ‖b‖
func relativeDifference(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}
