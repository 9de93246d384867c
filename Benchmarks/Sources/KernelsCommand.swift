import ArgumentParser
import Kernels
import Layers
import Logging
import Tensors
import Training
import Transformers

/// Where a step's arithmetic goes, kernel by kernel.
struct KernelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Time each kernel of a training step at the base's shapes, one thread.",
        discussion: """
            The last column is what the kernel costs in a whole step of one micro-batch, all blocks together.

            Example:
              Benchmarks/run kernels --tokens 256
            """)

    @Option(help: "A base; its shapes are used.") var base = "data/SmolLM2-135M-Instruct.Q4_1.gguf"
    @Option(help: "Tokens of a micro-batch: one sequence.") var tokens = 256
    @Option(help: "r of the adapters.") var loraRank = 8
    @Option(help: "Repetitions; the median counts.") var repeats = 9

    func run() async throws {
        let loaded = try await LoadedBase(reference: base, logger: Logger(label: "benchmarks"))
        BLAS.configureSingleThreaded()
        guard let llama = loaded.configuration as? LlamaConfiguration else {
            throw ValidationError("\(base) is no model of the Llama family")
        }
        var cases = products(llama)
        cases += elementwise(llama)
        let rows = cases.map { entry -> (KernelCase, Double) in
            (entry, Timing(count: repeats, entry.run).median)
        }
        let total = rows.reduce(0) { $0 + $1.1 * Double($1.0.timesPerStep) }
        print("\(BLAS.coreName), \(tokens) tokens, one thread")
        print(
            table(
                [["kernel", "ms", "GFLOP/s or GB/s", "a step", "ms a step", "%"]]
                    + rows.map { entry, seconds in
                        let step = seconds * Double(entry.timesPerStep)
                        return [
                            entry.name, decimal(seconds * 1e3, 3),
                            decimal(entry.work / seconds * 1e-9) + (entry.isProduct ? " GFLOP/s" : " GB/s"),
                            "\(entry.timesPerStep)", decimal(step * 1e3, 2), decimal(100 * step / total),
                        ]
                    } + [["all", "", "", "", decimal(total * 1e3, 2), "100.0"]]))
    }

    private func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        let result = Matrix(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                result.row(row)[column] = Float((row * 31 + column * 7) % 97) / 97 - 0.5
            }
        }
        return result
    }

    /// Frozen products, forward and back, and those of LoRA beside them.
    private func products(_ model: LlamaConfiguration) -> [KernelCase] {
        var counts: [[Int]: Int] = [:]
        for module in model.linearModules {
            counts[[module.outputCount, module.inputCount], default: 0] += 1
        }
        var cases: [KernelCase] = []
        for (shape, count) in counts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let (out, inner) = (shape[0], shape[1])
            let isHead = out == model.vocabularySize
            let rows = isHead ? LanguageModelHead.chunkRows(vocabularySize: out) : tokens
            let times = isHead ? (tokens + rows - 1) / rows : count
            let (x, w, y) = (matrix(rows, inner), matrix(out, inner), matrix(rows, out))
            let work = 2 * Double(rows) * Double(out) * Double(inner)
            cases.append(
                KernelCase(
                    name: "forward [\(rows), \(inner)] · [\(out), \(inner)]ᵀ", work: work, timesPerStep: times
                ) { gemm(output: y, .plain(x), .transposed(w)) })
            cases.append(
                KernelCase(name: "dX [\(rows), \(out)] · [\(out), \(inner)]", work: work, timesPerStep: times)
                {
                    gemm(output: x, .plain(y), .plain(w))
                })
            guard !isHead else { continue }
            let (a, b, h) = (matrix(loraRank, inner), matrix(out, loraRank), matrix(rows, loraRank))
            let loraWork = 2 * Double(rows) * Double(loraRank) * Double(inner + out)
            cases.append(
                KernelCase(
                    name: "LoRA forward \(inner) → \(loraRank) → \(out)", work: loraWork, timesPerStep: times
                ) {
                    gemm(output: h, .plain(x), .transposed(a))
                    gemm(output: y, .plain(h), .transposed(b), alpha: 2, beta: 1)
                })
            let (dA, dB) = (matrix(loraRank, inner), matrix(out, loraRank))
            cases.append(
                KernelCase(
                    name: "LoRA backward \(inner) → \(loraRank) → \(out)", work: 2 * loraWork,
                    timesPerStep: times
                ) {
                    gemm(output: h, .plain(y), .plain(b), alpha: 2)
                    gemm(output: dB, .transposed(y), .plain(h), alpha: 2)
                    gemm(output: dA, .transposed(h), .plain(x))
                    gemm(output: x, .plain(h), .plain(a), beta: 1)
                })
        }
        return cases
    }

    private func elementwise(_ model: LlamaConfiguration) -> [KernelCase] {
        let (n, c, f, layers) = (tokens, model.hiddenSize, model.intermediateSize, model.layerCount)
        func bytes(_ count: Int) -> Double { 4 * Double(count) }
        let (x, y, z) = (matrix(n, c), matrix(n, c), matrix(n, c))
        let (inverse, weight) = (Vector(zeros: n), matrix(1, c).row(0))
        let (gate, up, product) = (matrix(n, f), matrix(n, f), matrix(n, f))
        var cases: [KernelCase] = []
        func add(_ name: String, _ traffic: Double, _ times: Int, _ body: @escaping () -> Void) {
            cases.append(
                KernelCase(name: name, work: traffic, timesPerStep: times, isProduct: false, run: body))
        }
        add("RMSNorm forward", bytes(2 * n * c), 2 * layers + 1) {
            rmsNormForward(output: y, inverseRMS: inverse, input: x, weight: weight, epsilon: 1e-5)
        }
        add("RMSNorm replay", bytes(2 * n * c), 2 * layers) {
            rmsNormReplay(output: y, input: x, inverseRMS: inverse, weight: weight)
        }
        add("RMSNorm backward", bytes(4 * n * c), 2 * layers + 1) {
            rmsNormBackward(dInput: z, dOutput: y, input: x, inverseRMS: inverse, weight: weight)
        }
        add("residual add", bytes(3 * n * c), 2 * layers) { Kernels.add(output: z, x, y) }
        add("SwiGLU forward", bytes(3 * n * f), layers) { swiGLUForward(output: product, gate: gate, up: up) }
        let (gate2, up2) = (matrix(n, f), matrix(n, f))
        add("SwiGLU backward", bytes(5 * n * f), layers) {
            swiGLUBackward(gate: gate2, up: up2, dOutput: product)
        }
        cases += attention(model)
        let rows = LanguageModelHead.chunkRows(vocabularySize: model.vocabularySize)
        let logits = matrix(rows, model.vocabularySize)
        let targets = (0..<rows).map { Int32($0) }
        add("cross-entropy", bytes(2 * rows * model.vocabularySize), (n + rows - 1) / rows) {
            var loss = 0.0
            crossEntropyGradient(logits: logits, targets: targets[...], lossSum: &loss)
        }
        return cases
    }

    private func attention(_ model: LlamaConfiguration) -> [KernelCase] {
        let shape = model.attentionShape
        let n = tokens
        let (q, o, dO, dQ) = (
            matrix(n, shape.queryColumns), matrix(n, shape.queryColumns), matrix(n, shape.queryColumns),
            matrix(n, shape.queryColumns)
        )
        func keyValue() -> KeyValueRows {
            KeyValueRows(key: matrix(n, shape.keyValueColumns), value: matrix(n, shape.keyValueColumns))
        }
        let (own, dOwn) = (keyValue(), keyValue())
        let statistics = matrix(n, shape.statisticsColumns)
        let tile = shape.scoresShape(queries: n, keys: n)
        let (scores, dScores) = (matrix(tile.rows, tile.columns), matrix(tile.rows, tile.columns))
        var rotary = RotaryTable(headDimension: model.headDimension, theta: model.ropeTheta)
        rotary.reserve(positions: n)
        let table = rotary
        let rotated = matrix(n, shape.queryColumns + shape.keyValueColumns)
        let dense = 2 * Double(n) * Double(n) * Double(shape.queryColumns)
        return [
            KernelCase(
                name: "rotary q, k", work: 8 * Double(rotated.count), timesPerStep: 2 * model.layerCount,
                isProduct: false
            ) { rotaryForward(rows: rotated, table: table, firstPosition: 0) },
            KernelCase(name: "attention forward", work: 2 * dense, timesPerStep: model.layerCount) {
                attentionForward(
                    output: o, statistics: statistics, query: q, own: own, shape: shape, scores: scores)
            },
            KernelCase(name: "attention backward", work: 5 * dense, timesPerStep: model.layerCount) {
                attentionBackward(
                    dQuery: dQ, dOwn: dOwn, dOutput: dO, output: o, query: q, own: own,
                    statistics: statistics,
                    shape: shape, scores: scores, dScores: dScores)
            },
        ]
    }
}

/// One kernel at one shape.
struct KernelCase {
    let name: String
    /// Floating-point operations of a product, bytes read and written of anything else.
    let work: Double
    /// How often a step of one micro-batch runs it.
    let timesPerStep: Int
    var isProduct = true
    let run: () -> Void
}
