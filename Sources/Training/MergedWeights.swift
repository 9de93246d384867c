import Adapters
import Layers
import Tensors
import Transformers

/// What adapters make of the tensors of their base.
struct MergedWeights {
    /// One adapter and how much of it is added.
    struct Term {
        /// Its folder, for errors.
        let path: String
        let adapted: AdaptedModel
        let parameters: Vector
        let weight: Float
    }

    private let base: LoadedBase
    private var parts: [String: [(part: LoRAFactors.Part, weight: Float)]] = [:]
    private var copies: [String: Vector] = [:]

    /// Tensors that differ from the base's.
    var changedCount: Int { parts.count + copies.count }

    /// Whether the head and the embedding, one matrix in the base, are two.
    var unties: Bool {
        guard let tied = base.configuration.tiedHead else { return false }
        return [tied.name, tied.source.name].contains { parts[$0] != nil || copies[$0] != nil }
    }

    /// - Throws: `AdapterError` with code `.unsupported` for a tensor that one adapter trained whole, or with DoRA, and
    ///   another changes too, or that is to be added in part.
    init(_ terms: [Term], base: LoadedBase) throws(AdapterError) {
        self.base = base
        for term in terms {
            let factors = LoRAFactors(
                term.adapted.placement, layout: term.adapted.layout, parameters: term.parameters)
            for part in factors.parts {
                parts[part.module.name + ".weight", default: []].append((part, term.weight))
            }
            for (name, nameOnDisk) in term.adapted.placement.copies {
                guard let entry = term.adapted.layout.entry(named: nameOnDisk) else { continue }
                guard term.weight == 1, copies.updateValue(term.parameters[entry.range], forKey: name) == nil
                else { throw Self.unmergeable(name, path: term.path) }
            }
        }
        for (name, own) in parts.sorted(by: { $0.key < $1.key }) {
            if copies[name] != nil { throw Self.unmergeable(name, path: terms[0].path) }
            // What DoRA makes of a weight depends on all of it.
            if own.contains(where: { $0.part.magnitudes != nil }), own.count > 1 || own[0].weight != 1 {
                throw Self.unmergeable(name, path: terms[0].path)
            }
        }
    }

    /// The tensor's values: the base's own memory where nothing changes them.
    func values(of shape: WeightShape) throws -> Vector {
        if let copy = copies[shape.name] { return copy }
        let frozen = try base.tensor(named: shape.name, shape: shape.shape)
        guard let parts = parts[shape.name] else { return frozen }
        let merged = Vector(zeros: frozen.count)
        merged.copy(from: frozen)
        let matrix = merged.matrix(rows: shape.shape[0], columns: shape.shape[1])
        for (part, weight) in parts { part.apply(to: matrix, weight: weight) }
        return merged
    }

    private static func unmergeable(_ tensor: String, path: String) -> AdapterError {
        AdapterError(
            code: .unsupported,
            message:
                "\(path): \(tensor) is trained whole (modules_to_save or bias) or with use_dora, so it cannot be"
                + " weighted, or changed by another adapter too; merge such an adapter alone, without a weight",
            context: tensor)
    }
}
