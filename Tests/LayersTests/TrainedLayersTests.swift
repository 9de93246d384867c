import Kernels
import Layers
import Tensors
import Testing

/// The gradients of weights that are trained, against finite differences of the layers' own forwards.
@Suite struct TrainedLayersTests {
    /// Layers over one parameter vector, and what it takes to run them.
    private struct Bench {
        let parameters: Vector
        let gradients: [RowGradient]
        let pass: LayerPass

        /// - Parameter rows: of each micro-batch.
        init(parameterCount: Int, rows: [Int]) {
            parameters = Bench.values(parameterCount, seed: 1)
            var first = 0
            gradients = rows.map { count in
                defer { first += count }
                return RowGradient(
                    rows: first..<first + count,
                    gradient: Vector([Float](repeating: .nan, count: parameterCount)))
            }
            pass = LayerPass(
                parameters: parameters, gradients: gradients, dropout: nil, activations: Arena(),
                scratch: Arena())
        }

        static func values(_ count: Int, seed: Int) -> Vector {
            Vector((0..<count).map { Float(($0 * 37 + seed * 101) % 97) / 97 - 0.5 })
        }

        static func matrix(_ rows: Int, _ columns: Int, seed: Int) -> Matrix {
            values(rows * columns, seed: seed).matrix(rows: rows, columns: columns)
        }

        /// Σ over the own rows of each micro-batch of dOutput · output, by central differences of each parameter.
        func expectedGradients(
            range: Range<Int>, dOutput: Matrix, forward: (LayerPass) -> Matrix
        ) -> [[Double]] {
            let step: Float = 1.0 / 64
            var result = gradients.map { _ in [Double](repeating: 0, count: range.count) }
            for (place, index) in range.enumerated() {
                let value = parameters[index]
                parameters[index] = value + step
                let above = forward(pass).toArray()
                parameters[index] = value - step
                let below = forward(pass).toArray()
                parameters[index] = value
                let weights = dOutput.toArray()
                for (batch, own) in gradients.enumerated() {
                    let elements =
                        own.rows.lowerBound * dOutput.columns..<own.rows.upperBound * dOutput.columns
                    result[batch][place] =
                        elements.reduce(0) {
                            $0 + Double(weights[$1]) * (Double(above[$1]) - Double(below[$1]))
                        } / Double(2 * step)
                }
            }
            return result
        }

        func check(_ range: Range<Int>, _ expected: [[Double]], times: Double = 1) {
            for (own, expected) in zip(gradients, expected) {
                let found = own.gradient[range].toArray().map { Double($0) / times }
                let difference = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                let size = expected.reduce(0) { $0 + $1 * $1 }
                #expect(size > 0 && (difference / size).squareRoot() < 1e-4, "\(range)")
            }
        }
    }

    @Test("of a linear map's weight and bias, one gradient a micro-batch, overwritten and then added to")
    func linear() {
        let bench = Bench(parameterCount: 5 * 3 + 5 + 4, rows: [4, 1, 6])
        let module = LinearModule(name: "linear", inputCount: 3, outputCount: 5, index: 0)
        let layer = LinearLayer(module: module, weight: .trained(4..<19), bias: .trained(19..<24))
        #expect(layer.isTrainable)
        let (input, dOutput) = (Bench.matrix(11, 3, seed: 2), Bench.matrix(11, 5, seed: 3))
        func forward(_ pass: LayerPass) -> Matrix {
            let output = Matrix(rows: 11, columns: 5)
            _ = layer.forward(output: output, input: input, pass: pass)
            return output
        }
        let dInput = Matrix(rows: 11, columns: 3)
        for times in 1...2 {
            layer.backward(
                dInput: dInput, dOutput: dOutput, input: input, saved: nil,
                accumulatesGradient: times == 2, pass: bench.pass)
            for range in [4..<19, 19..<24] {
                bench.check(
                    range, bench.expectedGradients(range: range, dOutput: dOutput, forward: forward),
                    times: Double(times))
            }
            #expect(bench.gradients.allSatisfy { $0.gradient[0..<4].toArray().allSatisfy(\.isNaN) })
        }
        // The input's gradient is that of the same map frozen.
        let frozen = LinearLayer(
            module: module, weight: .frozen(Vector(bench.parameters[4..<19].toArray())))
        let other = Matrix(rows: 11, columns: 3)
        frozen.backward(dInput: other, dOutput: dOutput, input: input, saved: nil, pass: bench.pass)
        #expect(dInput.toArray() == other.toArray())
    }

    @Test("of a normalisation's weight, with and without the input's gradient")
    func norm() {
        let bench = Bench(parameterCount: 8, rows: [2, 3])
        let layer = RMSNormLayer(weight: .trained(1..<8), epsilon: 1e-5)
        let (input, dOutput) = (Bench.matrix(5, 7, seed: 2), Bench.matrix(5, 7, seed: 3))
        let inverseRMS = Vector(zeros: 5)
        func forward(_ pass: LayerPass) -> Matrix {
            let output = Matrix(rows: 5, columns: 7)
            layer.forward(output: output, statistics: inverseRMS, input: input, pass: pass)
            return output
        }
        let expected = bench.expectedGradients(range: 1..<8, dOutput: dOutput, forward: forward)
        _ = forward(bench.pass)
        for dInput in [nil, Matrix(rows: 5, columns: 7)] {
            layer.backward(
                dInput: dInput, dOutput: dOutput, input: input, statistics: inverseRMS, pass: bench.pass)
            bench.check(1..<8, expected)
            #expect(dInput.map { $0.toArray().contains { $0 != 0 } } ?? true)
        }
    }

    @Test("of a layer norm's weight and bias, with and without the input's gradient")
    func layerNorm() {
        let bench = Bench(parameterCount: 15, rows: [2, 3])
        let layer = LayerNormLayer(weight: .trained(1..<8), bias: .trained(8..<15), epsilon: 1e-5)
        let (input, dOutput) = (Bench.matrix(5, 7, seed: 2), Bench.matrix(5, 7, seed: 3))
        let statistics = Vector(zeros: 5 * layer.statisticsColumns)
        func forward(_ pass: LayerPass) -> Matrix {
            let output = Matrix(rows: 5, columns: 7)
            layer.forward(output: output, statistics: statistics, input: input, pass: pass)
            return output
        }
        let expected = [1..<8, 8..<15].map {
            ($0, bench.expectedGradients(range: $0, dOutput: dOutput, forward: forward))
        }
        _ = forward(bench.pass)
        for dInput in [nil, Matrix(rows: 5, columns: 7)] {
            layer.backward(
                dInput: dInput, dOutput: dOutput, input: input, statistics: statistics, pass: bench.pass)
            for (range, gradients) in expected { bench.check(range, gradients) }
            #expect(dInput.map { $0.toArray().contains { $0 != 0 } } ?? true)
        }
    }

    @Test("of a feed-forward part with a GELU, down to its input", arguments: GELUForm.allCases)
    func feedForward(form: GELUForm) {
        // up [6, 3] with a bias, down [3, 6]; then the input [5, 3] itself, as if it were trained.
        let bench = Bench(parameterCount: 18 + 6 + 18 + 15, rows: [2, 3])
        let layer = FeedForward(
            activation: .gelu(form),
            up: LinearLayer(
                module: LinearModule(name: "up", inputCount: 3, outputCount: 6, index: 0),
                weight: .trained(0..<18), bias: .trained(18..<24)),
            down: LinearLayer(
                module: LinearModule(name: "down", inputCount: 6, outputCount: 3, index: 1),
                weight: .trained(24..<42)))
        let input = bench.parameters[42..<57].matrix(rows: 5, columns: 3)
        let dOutput = Bench.matrix(5, 3, seed: 3)
        func forward(_ pass: LayerPass) -> Matrix {
            let output = Matrix(rows: 5, columns: 3)
            _ = layer.forward(output: output, input: input, pass: pass)
            return output
        }
        let expected = [0..<18, 18..<24, 24..<42].map {
            ($0, bench.expectedGradients(range: $0, dOutput: dOutput, forward: forward))
        }
        let ofInput = bench.expectedGradients(range: 42..<57, dOutput: dOutput, forward: forward)
        let activations = layer.forward(output: Matrix(rows: 5, columns: 3), input: input, pass: bench.pass)
        let dInput = Matrix(rows: 5, columns: 3)
        layer.backward(
            dInput: dInput, dOutput: dOutput, input: input, activations: activations, stopsAtDown: false,
            pass: bench.pass)
        for (range, gradients) in expected { bench.check(range, gradients) }
        // Each row of the input reaches the loss of its own micro-batch alone.
        for (index, value) in dInput.toArray().enumerated() {
            let sum = ofInput[0][index] + ofInput[1][index]
            #expect(abs(Double(value) - sum) < 1e-4 * max(1, abs(sum)), "element \(index)")
        }
    }

    @Test("of an embedding, overwritten, or added to what a tied head left there")
    func embedding() {
        let bench = Bench(parameterCount: 4 * 3, rows: [3, 4])
        let layer = EmbeddingLayer(weight: .trained(0..<12), vocabularySize: 4, columns: 3)
        let ids: [Int32] = [1, 3, 1, 0, 0, 2, 0]
        let dOutput = Bench.matrix(7, 3, seed: 3)
        func forward(_ pass: LayerPass) -> Matrix {
            let output = Matrix(rows: 7, columns: 3)
            layer.forward(output: output, ids: ids, pass: pass)
            return output
        }
        let expected = bench.expectedGradients(range: 0..<12, dOutput: dOutput, forward: forward)
        for times in 1...2 {
            layer.backward(dOutput: dOutput, ids: ids, accumulates: times == 2, pass: bench.pass)
            bench.check(0..<12, expected, times: Double(times))
        }
    }
}
