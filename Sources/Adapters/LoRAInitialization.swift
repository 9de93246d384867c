public import Layers
import RandomNumbers
public import Tensors

/// The values A and B start with.
///
/// Each element is a pure function of the seed, the module's index and its own, so an adapter of fewer modules
/// starts with the same values in those it has. Of an embedding A is zero and B normal, with `false` both normal.
/// - Source: PEFT 0.21.2 `LoraLayer.reset_lora_parameters`: `kaiming_uniform_(a=√5)` is uniform in ±1/√fan_in.
public enum LoRAInitialization {
    /// The initial parameters of the adapter that `placement` and `configuration` describe, as far as they do not depend
    /// on the base; see ``PiSSA`` and ``setMagnitudes(_:layout:parameters:weight:)`` for the others.
    ///
    /// - Parameters:
    ///   - layout: the trainable tensors of the model built with that placement.
    ///   - seed: `training.seed`.
    /// - Shapes: the result has `layout.count` elements.
    /// - Throws: ``AdapterError`` with code `.unsupported` for a way to start that only PEFT has, and
    ///   `.differentTensors` when `layout` has other tensors than the placement.
    public static func parameters(
        _ placement: AdapterPlacement, configuration: LoRAConfiguration, layout: ParameterLayout, seed: UInt64
    ) throws(AdapterError) -> Vector {
        if case .other(let name) = configuration.initialWeights {
            throw AdapterError(
                code: .unsupported,
                message:
                    "adapter.init_lora_weights: '\(name)' is not supported, expected true, false, gaussian or pissa",
                context: "init_lora_weights")
        }
        let result = Vector(zeros: layout.count)
        let entries = Dictionary(
            layout.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for placed in placement.modules {
            for matrix in LoRAMatrix.allCases {
                if placed.settings.frozenRank > 0 { continue }
                let name = matrix.tensorName(of: placed.module)
                guard let entry = entries[name] else {
                    throw AdapterError(
                        code: .differentTensors,
                        message:
                            "\(name) is not among the model's trainable tensors; was the model built with"
                            + " another adapter?",
                        context: name)
                }
                fill(
                    result[entry.range], matrix, of: placed, configuration.initialWeights, seed: seed)
            }
        }
        return result
    }

    /// Sets the magnitudes of DoRA to the norms of the adapted weights' rows, so that the adapter changes nothing yet.
    ///
    /// - Parameter weight: gives the base's weight [out, in] of a module, of a transposed one [in, out].
    /// - Shapes: `parameters` [layout.count], with A and B as they begin.
    public static func setMagnitudes(
        _ placement: AdapterPlacement, layout: ParameterLayout, parameters: Vector,
        weight: (LinearModule) throws -> Matrix
    ) throws {
        for part in LoRAFactors(placement, layout: layout, parameters: parameters).parts {
            guard let magnitudes = part.magnitudes else { continue }
            magnitudes.copy(
                from: WeightNorms.norms(
                    weight: try weight(part.module), loraA: part.loraA, loraB: part.loraB,
                    loraScaling: part.loraScaling, isTransposed: part.module.isTransposed))
        }
    }

    private static func fill(
        _ values: Vector, _ matrix: LoRAMatrix, of placed: AdapterPlacement.Module,
        _ initialWeights: LoRAConfiguration.InitialWeights, seed: UInt64
    ) {
        let isEmbedding = placed.module.isEmbedding
        let zero: LoRAMatrix = isEmbedding ? .a : .b
        if matrix == zero && initialWeights != .randomB { return }
        let fanIn = Double(matrix == .a ? placed.module.inputCount : placed.settings.loraRank)
        let isNormal = isEmbedding || initialWeights == .gaussian
        let bound = Float(1 / fanIn.squareRoot())
        let deviation = isEmbedding ? 1 : Float(1 / Double(placed.settings.loraRank))
        for block in 0..<(values.count + 3) / 4 {
            let counter = Philox.counter(
                .initialization, low: matrix.rawValue, UInt32(truncatingIfNeeded: placed.module.index),
                UInt32(truncatingIfNeeded: block), 0)
            let words = Philox.block(key: seed, counter: counter)
            let normals = isNormal ? StandardNormal.four(words) : SIMD4(repeating: 0)
            for lane in 0..<min(4, values.count - block * 4) {
                values[block * 4 + lane] =
                    isNormal
                    ? normals[lane] * deviation : (Philox.unitInterval(words[lane]) * 2 - 1) * bound
            }
        }
    }
}

/// The two matrices of a LoRA adapter.
enum LoRAMatrix: UInt32, CaseIterable {
    case a = 0
    case b = 1

    /// The tensor's name in a PEFT file.
    func tensorName(of module: LinearModule) -> String {
        let letter = self == .a ? "A" : "B"
        return PEFTNames.prefix + module.name
            + (module.isEmbedding ? ".lora_embedding_\(letter)" : ".lora_\(letter).weight")
    }
}
