import Kernels
public import Layers
public import Tensors

/// How one module is adapted by LoRA.
public struct LoRAModuleSettings: LinearAdapterSettings, Equatable {
    /// The inner dimension; at least 1.
    public var loraRank: Int
    /// How many of its last rows of A and columns of B stay as they are; less than ``loraRank``.
    public var frozenRank: Int
    /// lora_alpha ÷ r, or lora_alpha ÷ √r with rsLoRA.
    public var loraScaling: Float
    /// `lora_dropout`, in [0, 1).
    public var dropout: Float
    /// `use_dora`: the norms of the adapted weight's rows are trained, too.
    public var usesDoRA: Bool

    public init(
        loraRank: Int, frozenRank: Int = 0, loraScaling: Float, dropout: Float = 0, usesDoRA: Bool = false
    ) {
        self.loraRank = loraRank
        self.frozenRank = frozenRank
        self.loraScaling = loraScaling
        self.dropout = dropout
        self.usesDoRA = usesDoRA
    }

    public func makeAdapter(for module: LinearModule, layout: inout ParameterLayout) -> any LinearAdapter {
        usesDoRA
            ? DoRAAdapter(module: module, settings: self, layout: &layout)
            : LoRAAdapter(module: module, settings: self, layout: &layout)
    }

    public func makeEmbeddingAdapter(
        for module: LinearModule, layout: inout ParameterLayout
    ) -> any EmbeddingAdapter {
        LoRAEmbeddingAdapter(module: module, settings: self, layout: &layout)
    }

    /// An embedding's adapter keeps nothing.
    public func savedColumns(for module: LinearModule) -> Int {
        if module.isEmbedding { return 0 }
        return loraRank + (dropout > 0 ? DropoutMask.bitColumns(featureCount: module.inputCount) : 0)
            + (usesDoRA ? module.outputCount : 0)
    }

    public func scratchColumns(for module: LinearModule) -> Int {
        if module.isEmbedding { return 2 * loraRank + (usesDoRA ? 2 * module.outputCount : 0) }
        return loraRank + (dropout > 0 ? 2 * module.inputCount : 0) + (usesDoRA ? 3 * module.outputCount : 0)
    }
}

extension LoRAModuleSettings {
    /// Six products with A or B (three with an embedding's B); DoRA scales the result and its gradient, and with dropout multiplies by the weight twice
    /// more. Its norms are a cost of a step, not of a row.
    public func operationCount(for module: LinearModule) -> Int {
        if module.isEmbedding { return (6 * loraRank + (usesDoRA ? 4 : 0)) * module.outputCount }
        let magnitudes =
            4 * module.outputCount + (dropout > 0 ? 4 * module.inputCount * module.outputCount : 0)
        return 6 * loraRank * (module.inputCount + module.outputCount) + (usesDoRA ? magnitudes : 0)
    }
}

/// Adds scaling · dropout(x) · Aᵀ · Bᵀ to a frozen linear map.
///
/// - Source: Hu et al. 2021, arXiv:2106.09685; names, orientation and dropout as in PEFT 0.21.
public struct LoRAAdapter: LinearAdapter {
    private let moduleID: UInt32
    private let inputCount: Int
    private let outputCount: Int
    let settings: LoRAModuleSettings
    /// Places of A [r, in] and B [out, r] in the flat parameter vector.
    private let rangeA: Range<Int>
    private let rangeB: Range<Int>

    /// Appends `base_model.model.<module>.lora_A.weight` [r, in] and `….lora_B.weight` [out, r] to `layout`.
    public init(module: LinearModule, settings: LoRAModuleSettings, layout: inout ParameterLayout) {
        precondition(
            settings.loraRank >= 1 && (0..<settings.loraRank).contains(settings.frozenRank),
            "\(module.name): r is \(settings.loraRank), \(settings.frozenRank) of it frozen")
        precondition(
            settings.dropout >= 0 && settings.dropout < 1, "\(module.name): dropout \(settings.dropout)")
        rangeA =
            layout.append(
                name: LoRAMatrix.a.tensorName(of: module), shape: [settings.loraRank, module.inputCount]
            )
            .range
        rangeB =
            layout.append(
                name: LoRAMatrix.b.tensorName(of: module), shape: [module.outputCount, settings.loraRank]
            )
            .range
        moduleID = UInt32(truncatingIfNeeded: module.index)
        inputCount = module.inputCount
        outputCount = module.outputCount
        self.settings = settings
    }

    /// output += scaling · dropout(input) · Aᵀ · Bᵀ. Saves dropout(input) · Aᵀ [N, r] and, behind it in each row, the
    /// bits of the dropout mask.
    public func forward(output: Matrix, input: Matrix, weight: Matrix, pass: LayerPass) -> Matrix? {
        let saved = pass.activations.matrix(rows: input.rows, columns: savedColumns(pass))
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let adapted = adaptedInput(input, saved: saved, isDrawn: false, pass: pass)
        add(output: output, adapted: adapted, saved: saved, pass: pass)
        return saved
    }

    /// Values that the forward saves of each row.
    func savedColumns(_ pass: LayerPass) -> Int {
        settings.loraRank
            + (dropoutMask(pass) == nil ? 0 : DropoutMask.bitColumns(featureCount: inputCount))
    }

    /// output += s · adapted · Aᵀ · Bᵀ.
    ///
    /// - Shapes: `output` [N, out]; `adapted` [N, in]; `saved` [N, r + bits], whose first columns become adapted · Aᵀ.
    func add(output: Matrix, adapted: Matrix, saved: Matrix, pass: LayerPass) {
        gemm(output: inner(saved), .plain(adapted), .transposed(loraA(pass.parameters)))
        gemm(
            output: output, .plain(inner(saved)), .transposed(loraB(pass.parameters)),
            alpha: settings.loraScaling, beta: 1)
    }

    /// dB = s · dYᵀ · (X·Aᵀ); dA = (s · dY·B)ᵀ · X; dX += (s · dY·B) · A, with X after dropout.
    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, weight: Matrix, saved: Matrix?,
        accumulatesGradient: Bool, pass: LayerPass
    ) {
        guard let saved else { preconditionFailure("the backward of LoRA needs what its forward saved") }
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let mask = dropoutMask(pass)
        let beta: Float = accumulatesGradient ? 1 : 0
        let dInner = pass.scratch.matrix(rows: input.rows, columns: settings.loraRank)  // [N, r]
        gemm(output: dInner, .plain(dOutput), .plain(loraB(pass.parameters)), alpha: settings.loraScaling)
        if !pass.gradients.isEmpty {
            let trained = 0..<settings.loraRank - settings.frozenRank
            let adapted = adaptedInput(input, saved: saved, isDrawn: true, pass: pass)
            for own in pass.gradients {
                let rows = own.rows.clamped(to: 0..<input.rows)
                let (dA, dB) = (loraA(own.gradient), loraB(own.gradient))
                gemm(
                    output: dB.columns(trained), .transposed(dOutput.rows(rows)),
                    .plain(inner(saved).columns(trained).rows(rows)), alpha: settings.loraScaling, beta: beta)
                gemm(
                    output: dA.rows(trained), .transposed(dInner.columns(trained).rows(rows)),
                    .plain(adapted.rows(rows)), beta: beta)
                guard settings.frozenRank > 0 else { continue }
                fill(dB.columns(trained.upperBound..<settings.loraRank), with: 0)
                fill(dA.rows(trained.upperBound..<settings.loraRank), with: 0)
            }
        }
        guard let dInput else { return }
        if let mask {
            let dAdapted = pass.scratch.matrix(rows: input.rows, columns: inputCount)
            gemm(output: dAdapted, .plain(dInner), .plain(loraA(pass.parameters)))
            dropoutBackward(
                dInput: dInput, dOutput: dAdapted, bits: bits(saved), keptFactor: mask.keptFactor)
        } else {
            gemm(output: dInput, .plain(dInner), .plain(loraA(pass.parameters)), beta: 1)
        }
    }

    /// [N, r] of what the forward saved.
    private func inner(_ saved: Matrix) -> Matrix { saved.columns(0..<settings.loraRank) }

    /// The mask's bits of what the forward saved.
    func bits(_ saved: Matrix) -> Matrix { saved.columns(settings.loraRank..<saved.columns) }

    /// [r, in]
    func loraA(_ vector: Vector) -> Matrix {
        vector[rangeA].matrix(rows: settings.loraRank, columns: inputCount)
    }

    /// [out, r]
    func loraB(_ vector: Vector) -> Matrix {
        vector[rangeB].matrix(rows: outputCount, columns: settings.loraRank)
    }

    /// The adapter's input: `input` itself, or a copy in scratch with dropout applied.
    ///
    /// - Parameter isDrawn: whether `saved` has the mask's bits already; else they are put there.
    func adaptedInput(_ input: Matrix, saved: Matrix, isDrawn: Bool, pass: LayerPass) -> Matrix {
        guard let mask = dropoutMask(pass) else { return input }
        if !isDrawn, let rows = pass.dropout?.rows {
            dropoutBits(bits: bits(saved), mask: mask, rows: rows)
        }
        let output = pass.scratch.matrix(rows: input.rows, columns: input.columns)
        dropoutForward(output: output, input: input, bits: bits(saved), keptFactor: mask.keptFactor)
        return output
    }

    func dropoutMask(_ pass: LayerPass) -> DropoutMask? {
        guard settings.dropout > 0, let dropout = pass.dropout else { return nil }
        return DropoutMask(
            seed: dropout.seed, step: dropout.step, moduleID: moduleID, probability: settings.dropout)
    }
}
