import Kernels
public import Layers
public import Tensors

/// Adds scaling · A[:, id] · Bᵀ to the row of an embedding that id names; with DoRA the columns of the adapted table are
/// then scaled to trained norms. There is no dropout.
///
/// - Source: names, orientation and arithmetic as PEFT 0.21.2 `lora.layer.Embedding` and `dora.DoraEmbeddingLayer`.
public struct LoRAEmbeddingAdapter: EmbeddingAdapter {
    private let settings: LoRAModuleSettings
    private let vocabularySize: Int
    private let columns: Int
    /// Places of A [r, V], B [C, r] and, with DoRA, the magnitudes [C] in the flat parameter vector.
    private let rangeA: Range<Int>
    private let rangeB: Range<Int>
    private let rangeOfMagnitudes: Range<Int>?
    private let norms = WeightNorms()

    /// Appends `base_model.model.<module>.lora_embedding_A` [r, V], `….lora_embedding_B` [C, r] and, with DoRA,
    /// `….lora_magnitude_vector` [C] to `layout`.
    public init(module: LinearModule, settings: LoRAModuleSettings, layout: inout ParameterLayout) {
        precondition(module.isEmbedding, "\(module.name) is no embedding")
        let (rank, rows, columns) = (settings.loraRank, module.inputCount, module.outputCount)
        rangeA = layout.append(name: LoRAMatrix.a.tensorName(of: module), shape: [rank, rows]).range
        rangeB = layout.append(name: LoRAMatrix.b.tensorName(of: module), shape: [columns, rank]).range
        rangeOfMagnitudes =
            settings.usesDoRA
            ? layout.append(name: DoRAAdapter.tensorName(of: module.name), shape: [columns]).range : nil
        self.settings = settings
        vocabularySize = rows
        self.columns = columns
    }

    public func forward(output: Matrix, ids: [Int32], table: Matrix, pass: LayerPass) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        add(to: output, inner: inner(ids, pass), pass)
        guard let scale = scale(table, pass) else { return }
        scaleColumns(output: output, input: output, factors: scale.factors)
    }

    /// dB = s · dYᵀ · A[:, ids]ᵀ; dA[:, id] += s · dY · B; dm = Σ dY · (row + …) ÷ ‖…‖; with DoRA the first two of
    /// m ÷ ‖…‖ · dY.
    public func backward(dOutput: Matrix, ids: [Int32], table: Matrix, pass: LayerPass) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let inner = inner(ids, pass)
        var dRows = dOutput
        if let scale = scale(table, pass), let range = rangeOfMagnitudes {
            dRows = pass.scratch.matrix(rows: ids.count, columns: columns)
            // First for the rows as they are before the scaling.
            embeddingForward(output: dRows, table: table, ids: ids)
            add(to: dRows, inner: inner, pass)
            for own in pass.gradients {
                let rows = own.rows.clamped(to: 0..<ids.count)
                scaleColumnsBackward(
                    dMagnitude: own.gradient[range], dOutput: dOutput.rows(rows), input: dRows.rows(rows),
                    divisors: scale.norms, accumulates: false)
            }
            scaleColumns(output: dRows, input: dOutput, factors: scale.factors)
        }
        let dInner = pass.scratch.matrix(rows: ids.count, columns: settings.loraRank)
        gemm(output: dInner, .plain(dRows), .plain(loraB(pass.parameters)), alpha: settings.loraScaling)
        for own in pass.gradients {
            let rows = own.rows.clamped(to: 0..<ids.count)
            gemm(
                output: loraB(own.gradient), .transposed(dRows.rows(rows)), .plain(inner.rows(rows)),
                alpha: settings.loraScaling)
            fill(own.gradient[rangeA], with: 0)
            gatherColumnsBackward(dInput: loraA(own.gradient), dOutput: dInner.rows(rows), indices: ids[rows])
        }
    }

    /// A[:, ids] as rows [N, r], in scratch.
    private func inner(_ ids: [Int32], _ pass: LayerPass) -> Matrix {
        let inner = pass.scratch.matrix(rows: ids.count, columns: settings.loraRank)
        gatherColumns(output: inner, input: loraA(pass.parameters), indices: ids)
        return inner
    }

    private func add(to output: Matrix, inner: Matrix, _ pass: LayerPass) {
        gemm(
            output: output, .plain(inner), .transposed(loraB(pass.parameters)), alpha: settings.loraScaling,
            beta: 1)
    }

    /// DoRA's m ÷ ‖…‖ in scratch [C], and the norms of the adapted table's columns.
    private func scale(_ table: Matrix, _ pass: LayerPass) -> (factors: Vector, norms: Vector)? {
        guard let range = rangeOfMagnitudes else { return nil }
        let norms = norms.values(
            weight: table, loraA: loraA(pass.parameters), loraB: loraB(pass.parameters),
            loraScaling: settings.loraScaling, isTransposed: true)
        let (magnitudes, factors) = (pass.parameters[range], pass.scratch.vector(columns))
        for index in 0..<columns { factors[index] = magnitudes[index] / norms[index] }
        return (factors, norms)
    }

    /// [r, V]
    private func loraA(_ vector: Vector) -> Matrix {
        vector[rangeA].matrix(rows: settings.loraRank, columns: vocabularySize)
    }

    /// [C, r]
    private func loraB(_ vector: Vector) -> Matrix {
        vector[rangeB].matrix(rows: columns, columns: settings.loraRank)
    }
}
