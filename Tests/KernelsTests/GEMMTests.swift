import Kernels
import Tensors
import Testing

@Suite struct GEMMTests {
    @Test("all four orders agree with sums in Float64", arguments: [false, true], [false, true])
    func agrees(left: Bool, right: Bool) {
        BLAS.configureSingleThreaded()
        let (m, n, k) = (5, 7, 3)
        let a = left ? randomMatrix(k, m, seed: 1) : randomMatrix(m, k, seed: 1)
        let b = right ? randomMatrix(n, k, seed: 2) : randomMatrix(k, n, seed: 2)
        let output = randomMatrix(m, n, seed: 3)
        let before = output.doubles
        gemm(
            output: output, left ? .transposed(a) : .plain(a), right ? .transposed(b) : .plain(b), alpha: 2,
            beta: -1)
        var expected: [Double] = []
        for i in 0..<m {
            for j in 0..<n {
                let sum = (0..<k).reduce(0.0) { sum, l in
                    let x = left ? a.row(l)[i] : a.row(i)[l]
                    let y = right ? b.row(j)[l] : b.row(l)[j]
                    return sum + Double(x) * Double(y)
                }
                expected.append(2 * sum - before[i * n + j])
            }
        }
        #expect(relativeDifference(output.doubles, expected) < 1e-6)
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
