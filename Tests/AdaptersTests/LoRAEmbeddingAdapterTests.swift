import Adapters
import Layers
import RandomNumbers
import Tensors
import Testing

/// An embedding's adapter against its formula in Float64, and its gradients against finite differences of that with DoRA's
/// norms held, as PEFT detaches them.
@Suite("LoRA of an embedding")
struct LoRAEmbeddingAdapterTests {
    private static let (vocabulary, columns, rank) = (80, 5, 3)
    private static let ids: [Int32] = [7, 79, 7, 0, 3, 7]

    private static func values(_ count: Int, seed: UInt64) -> [Float] {
        (0..<count).map { index in
            2 * Philox.unitInterval(Philox.block(key: seed, counter: .init(UInt32(index), 0, 0, 0))[0]) - 1
        }
    }

    /// Element (id, c) of table + 0.7 · Aᵀ · Bᵀ.
    private static func adapted(_ parameters: [Double], _ table: [Double], _ id: Int, _ column: Int) -> Double
    {
        let b = vocabulary * rank
        return table[id * columns + column]
            + 0.7
            * (0..<rank).reduce(0) {
                $0 + parameters[$1 * vocabulary + id] * parameters[b + column * rank + $1]
            }
    }

    private static func difference(_ found: [Float], _ expected: [Double]) -> Double {
        let square = zip(found, expected).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
        return (square / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    @Test("forward and gradients are the formula's, of several micro-batches", arguments: [false, true])
    func gradients(usesDoRA: Bool) {
        let (vocabulary, columns, ids) = (Self.vocabulary, Self.columns, Self.ids)
        let module = LinearModule(
            name: "wte", inputCount: vocabulary, outputCount: columns, index: 9, isEmbedding: true)
        var layout = ParameterLayout()
        let adapter = LoRAModuleSettings(loraRank: Self.rank, loraScaling: 0.7, usesDoRA: usesDoRA)
            .makeEmbeddingAdapter(for: module, layout: &layout)
        let names = ["lora_embedding_A", "lora_embedding_B"] + (usesDoRA ? ["lora_magnitude_vector"] : [])
        #expect(layout.entries.map(\.name) == names.map { "base_model.model.wte." + $0 })
        let table = Vector(Self.values(vocabulary * columns, seed: 1))
        let parameters = Vector(Self.values(layout.count, seed: 2))
        let layer = EmbeddingLayer(
            weight: .frozen(table), vocabularySize: vocabulary, columns: columns, adapter: adapter)
        #expect(layer.isTrainable)
        let parts = [0..<2, 2..<6]
        let gradients = parts.map {
            RowGradient(rows: $0, gradient: Vector([Float](repeating: .nan, count: layout.count)))
        }
        let pass = LayerPass(
            parameters: parameters, gradients: gradients, dropout: nil, activations: Arena(), scratch: Arena()
        )

        let point = parameters.toArray().map(Double.init)
        let frozen = table.toArray().map(Double.init)
        let norms = (0..<columns).map { column in
            (0..<vocabulary).reduce(0.0) {
                let value = Self.adapted(point, frozen, $1, column)
                return $0 + value * value
            }.squareRoot()
        }
        func formula(_ parameters: [Double]) -> [Double] {
            ids.flatMap { id in
                (0..<columns).map { column in
                    let factor =
                        usesDoRA ? parameters[parameters.count - columns + column] / norms[column] : 1
                    return factor * Self.adapted(parameters, frozen, Int(id), column)
                }
            }
        }
        let output = Matrix(rows: ids.count, columns: columns)
        layer.forward(output: output, ids: ids, pass: pass)
        #expect(Self.difference(output.toArray(), formula(point)) < 1e-5)

        let dOutput = Vector(Self.values(ids.count * columns, seed: 3)).matrix(
            rows: ids.count, columns: columns)
        let weights = dOutput.toArray().map(Double.init)
        layer.backward(dOutput: dOutput, ids: ids, accumulates: false, pass: pass)
        for (part, own) in zip(parts, gradients) {
            func loss(_ parameters: [Double]) -> Double {
                let output = formula(parameters)
                return (part.lowerBound * columns..<part.upperBound * columns).reduce(0) {
                    $0 + output[$1] * weights[$1]
                }
            }
            var moved = point
            let expected = point.indices.map { index in
                moved[index] = point[index] + 1e-5
                let above = loss(moved)
                moved[index] = point[index] - 1e-5
                let below = loss(moved)
                moved[index] = point[index]
                return (above - below) / 2e-5
            }
            #expect(Self.difference(own.gradient.toArray(), expected) < 1e-5)
        }
    }
}
