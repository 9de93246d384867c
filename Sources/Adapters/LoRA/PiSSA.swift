import Dispatch
import Kernels
public import Layers
import RandomNumbers
import Synchronization
public import Tensors

/// First values of `init_lora_weights: pissa`: A and B are the largest terms of the weight's singular value decomposition,
/// and what they make is taken from the weight.
///
/// The base stays as it is. A module's adapter has twice the rank; its second half is −B · A of the beginning and is
/// never trained, so that W + s · (B · A − B₀ · A₀) is what PEFT computes with a changed W. That is also the plain LoRA
/// into which PEFT converts such an adapter (`path_initial_model_for_weight_conversion`).
/// - Source: Meng et al. 2024, arXiv:2404.02948; PEFT 0.21.2 `LoraLayer.pissa_init` and `subtract_mutated_init`.
public enum PiSSA {
    /// Sets A and B of every linear module.
    ///
    /// - Parameters:
    ///   - iterations: of the randomised decomposition (`pissa_niter_N`); nil takes the exact one.
    ///   - seed: `training.seed`, for where the randomised one begins.
    ///   - weight: gives the base's weight [out, in] of a module; called from several threads.
    /// - Shapes: `parameters` [layout.count].
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration` for an r above a module's smaller side, or a weight
    ///   without singular values; what `weight` throws.
    public static func initialize(
        _ placement: AdapterPlacement, layout: ParameterLayout, parameters: Vector, iterations: Int?,
        seed: UInt64, weight: @Sendable (LinearModule) throws -> Matrix
    ) throws {
        let parts = LoRAFactors(placement, layout: layout, parameters: parameters).parts.filter {
            !$0.module.isEmbedding
        }
        BLAS.configureSingleThreaded()
        let failure = Mutex<(any Error)?>(nil)
        // Each by itself on one thread: the values do not depend on how many there are.
        DispatchQueue.concurrentPerform(iterations: parts.count) { index in
            do {
                let part = parts[index]
                try set(part, weight: try weight(part.module), iterations: iterations, seed: seed)
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private static func set(
        _ part: LoRAFactors.Part, weight: Matrix, iterations: Int?, seed: UInt64
    ) throws(AdapterError) {
        let (module, count) = (part.module, part.loraRank / 2)
        guard count <= min(module.inputCount, module.outputCount) else {
            throw failure(
                module, "r is \(count), more than the smaller side of the weight \(module.weightShape)")
        }
        let found =
            if let iterations {
                SingularTerms(
                    of: weight, from: start(module, count: count, seed: seed), iterations: iterations)
            } else {
                SingularTerms(of: weight, count: count)
            }
        guard let terms = found else { throw failure(module, "its weight has no singular values") }
        for term in 0..<count {
            let factor = (terms.values[term] / Double(part.loraScaling)).squareRoot()
            for column in 0..<module.inputCount {
                let value = Float(factor * terms.right[term * module.inputCount + column])
                part.loraA.row(term)[column] = value
                part.loraA.row(count + term)[column] = value
            }
            for row in 0..<module.outputCount {
                let value = Float(factor * terms.left[row * count + term])
                part.loraB.row(row)[term] = value
                part.loraB.row(row)[count + term] = -value
            }
        }
    }

    /// Normal numbers [in, count], a function of seed and module.
    private static func start(_ module: LinearModule, count: Int, seed: UInt64) -> Matrix {
        let start = Matrix(rows: module.inputCount, columns: count)
        for row in 0..<module.inputCount {
            for first in stride(from: 0, to: count, by: 4) {
                let counter = Philox.counter(
                    .initialization, low: 2, UInt32(truncatingIfNeeded: module.index),
                    UInt32(truncatingIfNeeded: row), UInt32(truncatingIfNeeded: first))
                let normals = StandardNormal.four(Philox.block(key: seed, counter: counter))
                for lane in 0..<min(4, count - first) { start.row(row)[first + lane] = normals[lane] }
            }
        }
        return start
    }

    private static func failure(_ module: LinearModule, _ problem: String) -> AdapterError {
        AdapterError(
            code: .invalidConfiguration,
            message: "adapter.init_lora_weights: pissa cannot begin \(module.name): \(problem)",
            context: module.name)
    }
}
