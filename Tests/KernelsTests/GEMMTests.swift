import Kernels
import Tensors
import Testing

@Suite struct GEMMTests {
    /// A product's factors as they lie in memory.
    enum Order: CaseIterable { case plain, rightTransposed, leftTransposed }

    /// The variants this processor has, the library's among them.
    static let variants = ProductVariant.allCases.filter { $0 <= .widest }

    private func factors(_ order: Order, m: Int, n: Int, k: Int, gap: Int = 0) -> (
        Factor, Factor, Matrix, Matrix
    ) {
        let a =
            order == .leftTransposed ? randomMatrix(k, m + gap, seed: 1) : randomMatrix(m, k + gap, seed: 1)
        let b =
            order == .rightTransposed ? randomMatrix(n, k + gap, seed: 2) : randomMatrix(k, n + gap, seed: 2)
        let left = a.columns(0..<(order == .leftTransposed ? m : k))
        let right = b.columns(0..<(order == .rightTransposed ? k : n))
        return (
            order == .leftTransposed ? .transposed(left) : .plain(left),
            order == .rightTransposed ? .transposed(right) : .plain(right), left, right
        )
    }

    /// alpha · A · B + beta · C in Float64.
    private func expected(
        _ order: Order, _ a: Matrix, _ b: Matrix, m: Int, n: Int, k: Int, alpha: Double,
        adding before: [Double]?
    ) -> [Double] {
        var result: [Double] = []
        let (left, right) = (a.doubles, b.doubles)
        for i in 0..<m {
            for j in 0..<n {
                var sum = 0.0
                for p in 0..<k {
                    let x = order == .leftTransposed ? left[p * m + i] : left[i * k + p]
                    let y = order == .rightTransposed ? right[j * k + p] : right[p * n + j]
                    sum += x * y
                }
                result.append(alpha * sum + (before?[i * n + j] ?? 0))
            }
        }
        return result
    }

    @Test("every order agrees with sums in Float64", arguments: Order.allCases, variants)
    func agrees(order: Order, variant: ProductVariant) {
        BLAS.configureSingleThreaded()
        for (m, n, k) in [
            (1, 1, 1), (5, 7, 3), (14, 32, 16), (15, 33, 17), (31, 70, 65), (3, 200, 600), (300, 9, 8),
        ] {
            for adds in [false, true] {
                let (left, right, a, b) = factors(order, m: m, n: n, k: k, gap: 3)
                let output = randomMatrix(m, n, seed: 3)
                let before = output.doubles
                if !adds { fill(output, with: .nan) }
                gemm(output: output, left, right, alpha: 1.7, beta: adds ? 1 : 0, variant: variant)
                let wanted = expected(
                    order, a, b, m: m, n: n, k: k, alpha: 1.7, adding: adds ? before : nil)
                #expect(relativeDifference(output.doubles, wanted) < 1e-6, "[\(m), \(k)] · [\(k), \(n)]")
            }
        }
    }

    @Test("widths of registers, and the rows beside a row, change no bit", arguments: Order.allCases)
    func bitsDependOnRowAndColumnAlone(order: Order) {
        let fused = Self.variants.filter { $0 != .blas }
        guard let narrow = fused.first, let wide = fused.last else { return }
        // Inner lengths of one and of several blocks; strides that meet in the same lines of the cache.
        for (m, n, k, gap) in [
            (37, 45, 70, 0), (62, 576, 576, 0), (20, 40, 2100, 0), (29, 33, 512, 512), (270, 31, 24, 0),
        ] {
            let (left, right, a, _) = factors(order, m: m, n: n, k: k, gap: gap)
            let (first, second) = (Matrix(rows: m, columns: n), Matrix(rows: m, columns: n))
            gemm(output: first, left, right, alpha: 1, beta: 0, variant: narrow)
            gemm(output: second, left, right, alpha: 1, beta: 0, variant: wide)
            #expect(first.toArray() == second.toArray(), "[\(m), \(k)] · [\(k), \(n)]")
            let row = m / 2
            let alone = Matrix(rows: 1, columns: n)
            let single: Factor =
                order == .leftTransposed
                ? .transposed(a.columns(row..<row + 1)) : .plain(a.rows(row..<row + 1))
            gemm(output: alone, single, right, alpha: 1, beta: 0, variant: wide)
            #expect(alone.toArray() == first.rows(row..<row + 1).toArray(), "row \(row) of [\(m), \(k)]")
        }
    }

    @Test("strided views of rows and columns are multiplied in place")
    func viewsWork() {
        let a = randomMatrix(6, 10, seed: 1).columns(2..<5).rows(1..<5)
        let b = randomMatrix(9, 8, seed: 2).columns(1..<4)
        let target = Matrix(rows: 4, columns: 20)
        fill(target, with: 7)
        gemm(output: target.columns(3..<12), .plain(a), .transposed(b))
        let compact = Matrix(rows: 4, columns: 9)
        gemm(
            output: compact, .plain(Vector(a.toArray()).matrix(rows: 4, columns: 3)),
            .transposed(Vector(b.toArray()).matrix(rows: 9, columns: 3)))
        #expect(target.columns(3..<12).toArray() == compact.toArray())
        #expect(target.columns(0..<3).toArray().allSatisfy { $0 == 7 })
        #expect(target.columns(12..<20).toArray().allSatisfy { $0 == 7 })
    }

    @Test("BLAS is set to one thread and says what it is")
    func reportsItself() {
        BLAS.configureSingleThreaded()
        #expect(BLAS.threadCount == 1)
        #expect(BLAS.configuration.contains("OpenBLAS"))
        #expect(!BLAS.coreName.isEmpty && BLAS.fingerprint.contains(BLAS.coreName))
    }
}
