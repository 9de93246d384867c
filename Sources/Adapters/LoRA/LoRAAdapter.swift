import Kernels
public import Layers
public import Tensors

/// How one module is adapted by LoRA.
public struct LoRAModuleSettings: LinearAdapterSettings, Equatable {
    /// r, the inner dimension; at least 1.
    public var loraRank: Int
    /// lora_alpha ÷ r, or lora_alpha ÷ √r with rsLoRA.
    public var loraScaling: Float
    /// `lora_dropout`, in [0, 1).
    public var dropout: Float

    public init(loraRank: Int, loraScaling: Float, dropout: Float = 0) {
        self.loraRank = loraRank
        self.loraScaling = loraScaling
        self.dropout = dropout
    }

    public func makeAdapter(for module: LinearModule, layout: inout ParameterLayout) -> any LinearAdapter {
        LoRAAdapter(module: module, settings: self, layout: &layout)
    }

    public func savedColumns(for module: LinearModule) -> Int {
        loraRank + (dropout > 0 ? DropoutMask.bitColumns(featureCount: module.inputCount) : 0)
    }

    public func scratchColumns(for module: LinearModule) -> Int {
        loraRank + (dropout > 0 ? 2 * module.inputCount : 0)
    }
}

/// Adds scaling · dropout(x) · Aᵀ · Bᵀ to a frozen linear map.
///
/// - Source: Hu et al. 2021, arXiv:2106.09685; names, orientation and dropout as in PEFT 0.21.
public struct LoRAAdapter: LinearAdapter {
    private let moduleID: UInt32
    private let inputCount: Int
    private let outputCount: Int
    private let settings: LoRAModuleSettings
    /// Places of A [r, in] and B [out, r] in the flat parameter vector.
    private let rangeA: Range<Int>
    private let rangeB: Range<Int>

    /// Appends `base_model.model.<module>.lora_A.weight` [r, in] and `….lora_B.weight` [out, r] to `layout`.
    public init(module: LinearModule, settings: LoRAModuleSettings, layout: inout ParameterLayout) {
        precondition(settings.loraRank >= 1, "\(module.name): r is \(settings.loraRank)")
        precondition(
            settings.dropout >= 0 && settings.dropout < 1, "\(module.name): dropout \(settings.dropout)")
        let prefix = "base_model.model.\(module.name)"
        rangeA =
            layout.append(name: "\(prefix).lora_A.weight", shape: [settings.loraRank, module.inputCount])
            .range
        rangeB =
            layout.append(name: "\(prefix).lora_B.weight", shape: [module.outputCount, settings.loraRank])
            .range
        moduleID = UInt32(truncatingIfNeeded: module.index)
        inputCount = module.inputCount
        outputCount = module.outputCount
        self.settings = settings
    }

    /// output += scaling · dropout(input) · Aᵀ · Bᵀ. Saves dropout(input) · Aᵀ [N, r] and, behind it in each row, the
    /// bits of the dropout mask.
    public func forward(output: Matrix, input: Matrix, weight: Matrix, pass: LayerPass) -> Matrix? {
        let mask = dropoutMask(pass)
        let bitColumns = mask == nil ? 0 : DropoutMask.bitColumns(featureCount: inputCount)
        let saved = pass.activations.matrix(rows: input.rows, columns: settings.loraRank + bitColumns)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        if let mask, let rows = pass.dropout?.rows {
            dropoutBits(bits: bits(saved), mask: mask, rows: rows)
        }
        let adapted = dropped(input, mask: mask, saved: saved, pass: pass)
        gemm(output: inner(saved), .plain(adapted), .transposed(loraA(pass.parameters)))
        gemm(
            output: output, .plain(inner(saved)), .transposed(loraB(pass.parameters)),
            alpha: settings.loraScaling, beta: 1)
        return saved
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
            let adapted = dropped(input, mask: mask, saved: saved, pass: pass)
            for own in pass.gradients {
                let rows = own.rows.clamped(to: 0..<input.rows)
                gemm(
                    output: loraB(own.gradient), .transposed(dOutput.rows(rows)),
                    .plain(inner(saved).rows(rows)), alpha: settings.loraScaling, beta: beta)
                gemm(
                    output: loraA(own.gradient), .transposed(dInner.rows(rows)), .plain(adapted.rows(rows)),
                    beta: beta)
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
    private func bits(_ saved: Matrix) -> Matrix { saved.columns(settings.loraRank..<saved.columns) }

    /// [r, in]
    private func loraA(_ vector: Vector) -> Matrix {
        vector[rangeA].matrix(rows: settings.loraRank, columns: inputCount)
    }

    /// [out, r]
    private func loraB(_ vector: Vector) -> Matrix {
        vector[rangeB].matrix(rows: outputCount, columns: settings.loraRank)
    }

    /// The adapter's input: `input` itself, or a copy in scratch with dropout applied.
    private func dropped(_ input: Matrix, mask: DropoutMask?, saved: Matrix, pass: LayerPass) -> Matrix {
        guard let mask else { return input }
        let output = pass.scratch.matrix(rows: input.rows, columns: input.columns)
        dropoutForward(output: output, input: input, bits: bits(saved), keptFactor: mask.keptFactor)
        return output
    }

    private func dropoutMask(_ pass: LayerPass) -> DropoutMask? {
        guard settings.dropout > 0, let dropout = pass.dropout else { return nil }
        return DropoutMask(
            seed: dropout.seed, step: dropout.step, moduleID: moduleID, probability: settings.dropout)
    }
}
