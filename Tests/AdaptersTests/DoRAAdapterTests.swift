import Adapters
import Kernels
import Layers
import RandomNumbers
import Tensors
import Testing

/// DoRA's forward against its formula in Float64, and its gradients against finite differences of that formula with the
/// norms held, as PEFT detaches them.
@Suite("DoRA")
struct DoRAAdapterTests {
    private static let rows = 7
    private static let module = LinearModule(name: "m", inputCount: 70, outputCount: 6, index: 3)
    private static let rank = 3
    private static let scaling = 0.7

    private static func values(_ count: Int, seed: UInt64) -> [Float] {
        (0..<count).map { index in
            2 * Philox.unitInterval(Philox.block(key: seed, counter: .init(UInt32(index), 0, 0, 0))[0]) - 1
        }
    }

    /// Rows of a and rows of b multiplied: [n, k] · [m, k]ᵀ.
    private static func product(_ a: [Double], _ b: [Double], inner: Int) -> [Double] {
        (0..<a.count / inner).flatMap { row in
            (0..<b.count / inner).map { column in
                (0..<inner).reduce(0) { $0 + a[row * inner + $1] * b[column * inner + $1] }
            }
        }
    }

    /// The formula of PEFT's `DoraLinearLayer.forward` on what is left of the input.
    private struct Formula {
        let weight: [Double]
        let norms: [Double]
        let mask: [Double]?

        /// - Parameter parameters: A [r, in], B [out, r] and m [out], one after the other.
        func output(_ parameters: [Double], input: [Double]) -> [Double] {
            let (inner, out, r) = (module.inputCount, module.outputCount, rank)
            let a = Array(parameters[..<(r * inner)])
            let b = Array(parameters[(r * inner)..<(r * inner + out * r)])
            let m = parameters[(r * inner + out * r)...]
            let left = mask.map { zip(input, $0).map { $0 * $1 } } ?? input
            let frozen = product(input, weight, inner: inner)
            let base = product(left, weight, inner: inner)
            let low = product(product(left, a, inner: inner), b, inner: r)
            return frozen.indices.map { index in
                let factor = m[m.startIndex + index % out] / norms[index % out]
                return frozen[index] + (factor - 1) * base[index] + factor * scaling * low[index]
            }
        }
    }

    private static func gradient(at x: [Double], of f: ([Double]) -> Double) -> [Double] {
        var point = x
        return x.indices.map { index in
            point[index] = x[index] + 1e-5
            let above = f(point)
            point[index] = x[index] - 1e-5
            let below = f(point)
            point[index] = x[index]
            return (above - below) / 2e-5
        }
    }

    private static func difference(_ found: [Float], _ expected: [Double]) -> Double {
        let square = zip(found, expected).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
        return (square / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    @Test(
        "forward and gradients are the formula's, of several micro-batches, overwritten and added to",
        arguments: [0, 0.4] as [Float])
    func gradients(dropout: Float) {
        let (module, rank, rows) = (Self.module, Self.rank, Self.rows)
        var layout = ParameterLayout()
        let adapter = LoRAModuleSettings(
            loraRank: rank, loraScaling: Float(Self.scaling), dropout: dropout, usesDoRA: true
        ).makeAdapter(for: module, layout: &layout)
        #expect(layout.entries.map(\.name).last == "base_model.model.m.lora_magnitude_vector")
        #expect(layout.entries.last?.shape == [6])
        let weight = Vector(Self.values(6 * 70, seed: 1))
        let parameters = Vector(Self.values(layout.count, seed: 2))
        for index in 0..<6 { parameters[layout.count - 6 + index] += 3 }
        let layer = LinearLayer(module: module, weight: .frozen(weight), adapter: adapter)
        let input = Vector(Self.values(rows * 70, seed: 3)).matrix(rows: rows, columns: 70)
        let dOutput = Vector(Self.values(rows * 6, seed: 4)).matrix(rows: rows, columns: 6)
        let ids = DropoutRows(exampleIDs: [5, 5, 5, 9, 9, 2, 2], positions: [0, 1, 2, 0, 1, 8, 9])
        let parts = [0..<3, 3..<7]
        let gradients = parts.map {
            RowGradient(rows: $0, gradient: Vector([Float](repeating: .nan, count: layout.count)))
        }
        let pass = LayerPass(
            parameters: parameters, gradients: gradients, dropout: DropoutPass(seed: 8, step: 4, rows: ids),
            activations: Arena(), scratch: Arena())

        var mask: [Double]?
        if dropout > 0 {
            let drawn = DropoutMask(seed: 8, step: 4, moduleID: 3, probability: dropout)
            let bits = Matrix(rows: rows, columns: DropoutMask.bitColumns(featureCount: 70))
            dropoutBits(bits: bits, mask: drawn, rows: ids)
            let ones = Vector([Float](repeating: 1, count: rows * 70)).matrix(rows: rows, columns: 70)
            let left = Matrix(rows: rows, columns: 70)
            dropoutForward(output: left, input: ones, bits: bits, keptFactor: drawn.keptFactor)
            mask = left.toArray().map(Double.init)
            #expect(mask?.contains(0) == true)
        }
        let point = parameters.toArray().map(Double.init)
        let frozen = weight.toArray().map(Double.init)
        let a = Array(point[..<(rank * 70)])
        let b = Array(point[(rank * 70)..<(rank * 70 + 6 * rank)])
        let transposed = (0..<70).flatMap { column in (0..<rank).map { a[$0 * 70 + column] } }
        let delta = Self.product(b, transposed, inner: rank)
        let norms = (0..<6).map { row in
            (0..<70).reduce(0.0) { sum, column in
                let value = frozen[row * 70 + column] + Self.scaling * delta[row * 70 + column]
                return sum + value * value
            }.squareRoot()
        }
        let formula = Formula(weight: frozen, norms: norms, mask: mask)
        let inputs = input.toArray().map(Double.init)

        let output = Matrix(rows: rows, columns: 6)
        let saved = layer.forward(output: output, input: input, pass: pass)
        #expect(Self.difference(output.toArray(), formula.output(point, input: inputs)) < 1e-5)
        let weights = dOutput.toArray().map(Double.init)
        func loss(_ output: [Double], _ part: Range<Int>) -> Double {
            (part.lowerBound * 6..<part.upperBound * 6).reduce(0) { $0 + output[$1] * weights[$1] }
        }
        let dInput = Matrix(rows: rows, columns: 70)
        for times in 1...2 {
            layer.backward(
                dInput: dInput, dOutput: dOutput, input: input, saved: saved, accumulatesGradient: times == 2,
                pass: pass)
            for (part, own) in zip(parts, gradients) {
                let expected = Self.gradient(at: point) { loss(formula.output($0, input: inputs), part) }
                #expect(
                    Self.difference(own.gradient.toArray().map { $0 / Float(times) }, expected) < 1e-5)
            }
        }
        let expected = Self.gradient(at: inputs) { loss(formula.output(point, input: $0), 0..<rows) }
        #expect(Self.difference(dInput.toArray(), expected) < 1e-5)
    }

    @Test(
        "magnitudes begin as the norms of the adapted rows, so that nothing changes yet, and norms follow A and B"
    )
    func beginsAsLoRA() throws {
        var configuration = LoRAConfiguration()
        configuration.targets = .names(["m"])
        configuration.initialWeights = .randomB
        configuration.usesDoRA = true
        let placement = try AdapterPlacement(configuration, modules: [Self.module])
        var layout = ParameterLayout()
        let dora = placement.modules[0].settings.makeAdapter(for: Self.module, layout: &layout)
        var plain = placement.modules[0].settings
        plain.usesDoRA = false
        var plainLayout = ParameterLayout()
        let lora = plain.makeAdapter(for: Self.module, layout: &plainLayout)
        let weight = Vector(Self.values(6 * 70, seed: 1)).matrix(rows: 6, columns: 70)
        let parameters = try LoRAInitialization.parameters(
            placement, configuration: configuration, layout: layout, seed: 1)
        func output(_ adapter: any LinearAdapter) -> [Float] {
            let output = Matrix(rows: 2, columns: 6)
            let input = Vector(Self.values(2 * 70, seed: 3)).matrix(rows: 2, columns: 70)
            gemm(output: output, .plain(input), .transposed(weight))
            let pass = LayerPass(
                parameters: parameters, gradients: [], dropout: nil, activations: Arena(), scratch: Arena())
            _ = adapter.forward(output: output, input: input, weight: weight, pass: pass)
            return output.toArray()
        }
        for change in [Float(0), 0.5] {
            parameters[4] += change
            try LoRAInitialization.setMagnitudes(placement, layout: layout, parameters: parameters) { _ in
                weight
            }
            #expect(Self.difference(output(dora), output(lora).map(Double.init)) < 1e-6)
        }
        // Twice the magnitudes are twice the result, with the norms that are known by now.
        let before = output(dora)
        let magnitudes = parameters[layout.count - 6..<layout.count]
        for index in 0..<6 { magnitudes[index] *= 2 }
        #expect(Self.difference(output(dora), before.map { 2 * Double($0) }) < 1e-6)
    }
}
