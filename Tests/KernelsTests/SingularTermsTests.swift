import Kernels
import Tensors
import Testing

/// The largest terms of a singular value decomposition.
@Suite struct SingularTermsTests {
    /// Σ values[i] · left[:, i] · right[i, :] of the first terms.
    private func sum(_ terms: SingularTerms, rows: Int, columns: Int) -> [Double] {
        let count = terms.values.count
        return (0..<rows * columns).map { index in
            (0..<count).reduce(0) { sum, term in
                sum + terms.values[term] * terms.left[index / columns * count + term]
                    * terms.right[term * columns + index % columns]
            }
        }
    }

    /// A matrix of known terms: values on orthonormal vectors made by rotating the unit vectors.
    private func known(rows: Int, columns: Int, values: [Double]) -> [Double] {
        func vector(_ term: Int, of count: Int) -> [Double] {
            // Reflects the unit vector at a hyperplane: the reflected ones are orthonormal, too.
            let normal = (0..<count).map { Double(($0 * 29 + 7) % 13) - 6.5 }
            let square = normal.reduce(0) { $0 + $1 * $1 }
            return (0..<count).map { ($0 == term ? 1 : 0) - 2 * normal[term] * normal[$0] / square }
        }
        var matrix = [Double](repeating: 0, count: rows * columns)
        for (term, value) in values.enumerated() {
            let (left, right) = (vector(term, of: rows), vector(term, of: columns))
            for index in matrix.indices {
                matrix[index] += value * left[index / columns] * right[index % columns]
            }
        }
        return matrix
    }

    @Test("all terms make the matrix, wide or tall", arguments: [(5, 11), (11, 5), (6, 6)])
    func whole(rows: Int, columns: Int) throws {
        let matrix = randomMatrix(rows, columns, seed: 3)
        let terms = try #require(SingularTerms(of: matrix, count: min(rows, columns)))
        #expect(relativeDifference(sum(terms, rows: rows, columns: columns), matrix.doubles) < 1e-6)
        #expect(terms.values == terms.values.sorted(by: >))
    }

    @Test(
        "the largest terms are those the matrix was made of, exactly or in rounds",
        arguments: [(20, 33), (33, 20)])
    func largest(rows: Int, columns: Int) throws {
        let values = [9.0, 5, 4, 2, 1, 0.5, 0.25]
        let matrix = Vector(known(rows: rows, columns: columns, values: values).map(Float.init))
            .matrix(rows: rows, columns: columns)
        let expected = known(rows: rows, columns: columns, values: Array(values[..<3]))
        let exact = try #require(SingularTerms(of: matrix, count: 3))
        #expect(relativeDifference(exact.values, [9, 5, 4]) < 1e-6)
        #expect(relativeDifference(sum(exact, rows: rows, columns: columns), expected) < 1e-6)
        let start = randomMatrix(columns, 3, seed: 4)
        let rounds = try #require(SingularTerms(of: matrix, from: start, iterations: 12))
        #expect(relativeDifference(sum(rounds, rows: rows, columns: columns), expected) < 1e-5)
        // Terms beyond the rank are nothing.
        let beyond = try #require(SingularTerms(of: matrix, count: 9))
        #expect(beyond.values[7...].allSatisfy { $0 == 0 })
        #expect(beyond.values.allSatisfy(\.isFinite) && (beyond.left + beyond.right).allSatisfy(\.isFinite))
    }

    @Test("a matrix that is not finite has none")
    func notFinite() {
        let matrix = randomMatrix(4, 4, seed: 5)
        matrix.row(2)[1] = .infinity
        #expect(SingularTerms(of: matrix, count: 2) == nil)
    }
}
