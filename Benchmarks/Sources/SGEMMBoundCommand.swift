import ArgumentParser
import Bases
import Foundation
import Kernels
import Layers
import Logging
import Tensors
import Training
import Transformers

/// How fast a step could be if it were nothing but its frozen products.
struct SGEMMBoundCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sgemm-bound",
        abstract: "Time the frozen products of a step and nothing else: the bound for tokens per second.",
        discussion: """
            Each thread makes the products of one micro-batch on the base's own weights, forward and back to the \
            inputs, one after the other and nothing else.

            Example:
              Benchmarks/run sgemm-bound --blas --tokens 256 --supervised 255 --threads 2
            """)

    @Option(help: "A base; its shapes and weights are used.")
    var base = "data/SmolLM2-135M-Instruct.Q4_1.gguf"
    @Option(help: "Tokens of a micro-batch.") var tokens = 256
    @Option(help: "Tokens of it with a target.") var supervised = 255
    @Option(help: "The lowest block with an adapter.") var lowestLayer = 0
    @Option(help: "Threads, each with a micro-batch of its own.") var threads = 2
    @Option(help: "Repetitions; the median counts.") var repeats = 5
    @Flag(help: "Bare cblas_sgemm of the BLAS library instead of Shoal's own products.") var blas = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let loaded = try await LoadedBase(reference: base, logger: Logger(label: "benchmarks"))
        let configuration = loaded.configuration
        let shapes = StepShapes(
            modules: configuration.linearModules, vocabularySize: configuration.vocabularySize,
            tokenCount: tokens, supervisedCount: supervised, lowestLayer: lowestLayer)
        BLAS.configureSingleThreaded()
        let pass = try BareStep(shapes: shapes, loaded: loaded)
        let variant = blas ? ProductVariant.blas : .inUse
        let pool = ComputePool(threadCount: threads) { pass.makeBuffers() }
        let timing = try Timing(count: repeats) {
            _ = try pool.map(count: threads) { _, buffers in pass.run(buffers, variant) }
        }
        let seconds = timing.median
        let rate = Double(tokens * threads) / seconds
        let speed = shapes.operations * Double(threads) / seconds * 1e-9
        if json {
            print(
                "{\"seconds\":\(seconds),\"tokens_per_second\":\(rate),\"gflops\":\(speed),"
                    + "\"operations\":\(shapes.operations),\"products\":\"\(variant)\",\"core\":\"\(BLAS.coreName)\"}"
            )
        } else {
            print(
                "\(blas ? "cblas_sgemm, \(BLAS.coreName)" : "products \(variant)"): \(decimal(seconds, 3)) s for \(threads) micro-batches of \(tokens) tokens "
                    + "(\(supervised) supervised): \(decimal(rate)) tokens/s, \(decimal(speed)) GFLOP/s")
        }
    }
}

/// The frozen products on the base's weights.
struct BareStep: Sendable {
    struct Product: Sendable {
        let weight: Matrix
        let rows: Int
        let isForward: Bool
    }

    /// Activations of one thread; what is in them does not matter to the time.
    final class Buffers: @unchecked Sendable {
        // Safety: made and used by one compute thread only.
        let narrow: Matrix
        let wide: Matrix
        init(count: Int) {
            narrow = Matrix(rows: 1, columns: count)
            wide = Matrix(rows: 1, columns: count)
            for index in 0..<count {
                narrow.row(0)[index] = Float(index % 97) / 97 - 0.5
                wide.row(0)[index] = Float(index % 89) / 89 - 0.5
            }
        }
    }

    let products: [Product]
    private let bufferCount: Int

    init(shapes: StepShapes, loaded: LoadedBase) throws {
        var weights: [String: Matrix] = [:]
        products = try shapes.products.map { product in
            let module = product.module
            if weights[module.name] == nil {
                let shape = [module.outputCount, module.inputCount]
                var name = module.name + ".weight"
                if module.isOutputHead, !loaded.base.hasTensor(named: name) {
                    name = "model.embed_tokens.weight"
                }
                weights[module.name] = try loaded.base.tensor(named: name, shape: shape)
                    .matrix(rows: shape[0], columns: shape[1])
            }
            guard let weight = weights[module.name] else { throw ExitCode.failure }
            return Product(weight: weight, rows: product.rows, isForward: product.isForward)
        }
        bufferCount = products.map { $0.rows * max($0.weight.rows, $0.weight.columns) }.max() ?? 1
    }

    func makeBuffers() -> Buffers { Buffers(count: bufferCount) }

    func run(_ buffers: Buffers, _ variant: ProductVariant) {
        for product in products {
            let (out, inner) = (product.weight.rows, product.weight.columns)
            func view(_ buffer: Matrix, _ columns: Int) -> Matrix {
                Matrix(buffer.storage, rows: product.rows, columns: columns)
            }
            if product.isForward {
                gemm(
                    output: view(buffers.wide, out), .plain(view(buffers.narrow, inner)),
                    .transposed(product.weight), alpha: 1, beta: 0, variant: variant)
            } else {
                gemm(
                    output: view(buffers.narrow, inner), .plain(view(buffers.wide, out)),
                    .plain(product.weight), alpha: 1, beta: 0,
                    variant: variant)
            }
        }
    }
}
