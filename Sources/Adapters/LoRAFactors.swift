import Kernels
public import Layers
public import Tensors

/// A trained adapter, module by module: what it adds to each weight is scaling · B · A; with DoRA the rows of the sum are
/// then scaled to trained norms.
public struct LoRAFactors: Sendable {
    /// One adapted module.
    public struct Part: Sendable {
        public let module: LinearModule
        /// [r, in]
        public let loraA: Matrix
        /// [out, r]
        public let loraB: Matrix
        /// lora_alpha ÷ r, or lora_alpha ÷ √r with rsLoRA.
        public let loraScaling: Float
        /// [out], of DoRA alone: the norms of the adapted weight's rows, or an embedding's columns.
        public var magnitudes: Vector?

        public var loraRank: Int { loraA.rows }

        /// Adds weight · scaling · B · A to `matrix` [out, in], and gives its rows the trained norms; to one [in, out] of a
        /// transposed module weight · scaling · Aᵀ · Bᵀ, and its columns.
        public func apply(to matrix: Matrix, weight: Float = 1) {
            let factors = magnitudes.map { magnitudes in
                let norms = WeightNorms.norms(
                    weight: matrix, loraA: loraA, loraB: loraB, loraScaling: weight * loraScaling,
                    isTransposed: module.isTransposed)
                return Vector((0..<norms.count).map { magnitudes[$0] / norms[$0] })
            }
            if module.isTransposed {
                let columns = Matrix(rows: matrix.rows, columns: loraRank)
                gatherColumns(output: columns, input: loraA, indices: (0..<matrix.rows).map { Int32($0) })
                gemm(
                    output: matrix, .plain(columns), .transposed(loraB), alpha: weight * loraScaling, beta: 1)
                if let factors { scaleColumns(output: matrix, input: matrix, factors: factors) }
            } else {
                gemm(output: matrix, .plain(loraB), .plain(loraA), alpha: weight * loraScaling, beta: 1)
                if let factors { scaleRows(output: matrix, factors: factors) }
            }
        }
    }

    /// In the model's forward order.
    public let parts: [Part]

    /// The values of an adapter.
    ///
    /// - Shapes: `parameters` [layout.count] with the tensors of every module of `placement`.
    public init(_ placement: AdapterPlacement, layout: ParameterLayout, parameters: Vector) {
        let ranges = Dictionary(
            layout.entries.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
        parts = placement.modules.compactMap { placed in
            let name = placed.module.name
            guard let rangeA = ranges[LoRAMatrix.a.tensorName(of: placed.module)],
                let rangeB = ranges[LoRAMatrix.b.tensorName(of: placed.module)]
            else { return nil }
            let loraRank = placed.settings.loraRank
            return Part(
                module: placed.module,
                loraA: parameters[rangeA].matrix(rows: loraRank, columns: placed.module.inputCount),
                loraB: parameters[rangeB].matrix(rows: placed.module.outputCount, columns: loraRank),
                loraScaling: placed.settings.loraScaling,
                magnitudes: ranges[DoRAAdapter.tensorName(of: name)].map { parameters[$0] })
        }
    }

    private init(parts: [Part]) { self.parts = parts }

    /// The sum of several adapters, each times its weight, as one adapter of the ranks' sum.
    ///
    /// Exact: each module's A are stacked and its B put side by side, with weight and scaling multiplied into B, so
    /// that the product is Σ weight · scaling · B · A and the sum's own scaling 1.
    /// - Precondition: none of them has magnitudes, which cannot be added.
    public static func sum(_ terms: [(factors: LoRAFactors, weight: Float)]) -> LoRAFactors {
        var modules: [LinearModule] = []
        var partsOfModule: [String: [(part: Part, weight: Float)]] = [:]
        for term in terms {
            for part in term.factors.parts {
                if partsOfModule[part.module.name] == nil { modules.append(part.module) }
                partsOfModule[part.module.name, default: []].append((part, term.weight))
            }
        }
        modules.sort { $0.index < $1.index }
        return LoRAFactors(
            parts: modules.map { module in
                let parts = partsOfModule[module.name] ?? []
                let loraRank = parts.reduce(0) { $0 + $1.part.loraRank }
                let loraA = Matrix(rows: loraRank, columns: module.inputCount)
                let loraB = Matrix(rows: module.outputCount, columns: loraRank)
                var first = 0
                for (part, weight) in parts {
                    let factor = weight * part.loraScaling
                    for row in 0..<part.loraRank { loraA.row(first + row).copy(from: part.loraA.row(row)) }
                    for row in 0..<module.outputCount {
                        let (target, source) = (loraB.row(row), part.loraB.row(row))
                        for column in 0..<part.loraRank { target[first + column] = factor * source[column] }
                    }
                    first += part.loraRank
                }
                return Part(module: module, loraA: loraA, loraB: loraB, loraScaling: 1)
            })
    }

    /// What PEFT's configuration says of these parts, and their values in the order of `layout`.
    ///
    /// Each module is named in full, with its own r and alpha.
    /// - Precondition: r · scaling is what each module's alpha shall be.
    public var configuration: LoRAConfiguration {
        var configuration = LoRAConfiguration()
        configuration.targets = .names(parts.map(\.module.name))
        configuration.loraRank = parts.map(\.loraRank).max() ?? 1
        configuration.loraAlpha = Double(configuration.loraRank)
        configuration.rankPattern = parts.map {
            .init(pattern: $0.module.name.replacing(".", with: "\\."), value: $0.loraRank)
        }
        configuration.alphaPattern = parts.map {
            .init(
                pattern: $0.module.name.replacing(".", with: "\\."),
                value: Double($0.loraScaling) * Double($0.loraRank))
        }
        return configuration
    }

    /// The parts' values where `layout` has their tensors.
    ///
    /// - Shapes: the result has `layout.count` elements.
    public func parameters(for layout: ParameterLayout) -> Vector {
        let result = Vector(zeros: layout.count)
        let ranges = Dictionary(
            layout.entries.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first })
        for part in parts {
            for (matrix, values) in [(LoRAMatrix.a, part.loraA), (.b, part.loraB)] {
                guard let range = ranges[matrix.tensorName(of: part.module)] else { continue }
                let target = result[range].matrix(rows: values.rows, columns: values.columns)
                for row in 0..<values.rows { target.row(row).copy(from: values.row(row)) }
            }
        }
        return result
    }
}
