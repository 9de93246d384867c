import Kernels
public import Layers
public import Tensors

/// LoRA whose result is scaled so that row j of the adapted weight has the trained norm m[j]:
/// m ÷ ‖W + s · B · A‖ · (W + s · B · A) · x, with the norm a constant in the backward.
///
/// With dropout only the adapter's part sees the input x' that is left of x:
/// W · x − W · x' + m ÷ ‖…‖ · (W + s · B · A) · x'.
/// - Source: Liu et al. 2024, arXiv:2402.09353; names, dropout and the detached norm as PEFT 0.21.2 `lora/dora.py`.
public struct DoRAAdapter: LinearAdapter {
    private let lora: LoRAAdapter
    private let outputCount: Int
    /// Whether the weight is [in, out].
    private let isTransposed: Bool
    /// Place of the magnitudes [out] in the flat parameter vector.
    private let range: Range<Int>
    private let norms = WeightNorms()

    /// Appends LoRA's tensors and `base_model.model.<module>.lora_magnitude_vector` [out] to `layout`.
    public init(module: LinearModule, settings: LoRAModuleSettings, layout: inout ParameterLayout) {
        lora = LoRAAdapter(module: module, settings: settings, layout: &layout)
        range = layout.append(name: Self.tensorName(of: module.name), shape: [module.outputCount]).range
        outputCount = module.outputCount
        isTransposed = module.isTransposed
    }

    /// The magnitudes' name in a PEFT file.
    public static func tensorName(of module: String) -> String {
        PEFTNames.prefix + module + ".lora_magnitude_vector"
    }

    /// Saves what LoRA does and, behind it in each row, (W + s · B · A) · x' [N, out].
    public func forward(output: Matrix, input: Matrix, weight: Matrix, pass: LayerPass) -> Matrix? {
        let columns = lora.savedColumns(pass)
        let saved = pass.activations.matrix(rows: input.rows, columns: columns + outputCount)
        let (inner, result) = (saved.columns(0..<columns), saved.columns(columns..<saved.columns))
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let factors = factors(minus: 0, weight: weight, pass: pass)
        let adapted = lora.adaptedInput(input, saved: inner, isDrawn: false, pass: pass)
        if lora.dropoutMask(pass) == nil {
            lora.add(output: output, adapted: adapted, saved: inner, pass: pass)
            copy(output: result, from: output)
            scaleColumns(output: output, input: output, factors: factors)
        } else {
            let base = pass.scratch.matrix(rows: input.rows, columns: outputCount)
            gemm(
                output: base, .plain(adapted), isTransposed ? .plain(weight) : .transposed(weight))
            copy(output: result, from: base)
            lora.add(output: result, adapted: adapted, saved: inner, pass: pass)
            addScaledColumns(output: output, input: result, factors: factors, minus: base)
        }
        return saved
    }

    /// dm = Σ dY · (W + s·B·A)·x' ÷ ‖…‖; LoRA's gradients with m ÷ ‖…‖ · dY in place of dY; with dropout dX also gets
    /// (m ÷ ‖…‖ − 1) · dY · W through the mask.
    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, weight: Matrix, saved: Matrix?,
        accumulatesGradient: Bool, pass: LayerPass
    ) {
        guard let saved else { preconditionFailure("the backward of DoRA needs what its forward saved") }
        let columns = lora.savedColumns(pass)
        let (inner, result) = (saved.columns(0..<columns), saved.columns(columns..<saved.columns))
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let norms = norms(weight, pass)
        for own in pass.gradients {
            let rows = own.rows.clamped(to: 0..<input.rows)
            scaleColumnsBackward(
                dMagnitude: own.gradient[range], dOutput: dOutput.rows(rows), input: result.rows(rows),
                divisors: norms, accumulates: accumulatesGradient)
        }
        let dResult = pass.scratch.matrix(rows: input.rows, columns: outputCount)
        scaleColumns(
            output: dResult, input: dOutput, factors: factors(minus: 0, weight: weight, pass: pass))
        lora.backward(
            dInput: dInput, dOutput: dResult, input: input, weight: weight, saved: inner,
            accumulatesGradient: accumulatesGradient, pass: pass)
        guard let dInput, let mask = lora.dropoutMask(pass) else { return }
        scaleColumns(
            output: dResult, input: dOutput, factors: factors(minus: 1, weight: weight, pass: pass))
        let dAdapted = pass.scratch.matrix(rows: input.rows, columns: input.columns)
        gemm(
            output: dAdapted, .plain(dResult), isTransposed ? .transposed(weight) : .plain(weight))
        dropoutBackward(
            dInput: dInput, dOutput: dAdapted, bits: lora.bits(inner), keptFactor: mask.keptFactor)
    }

    /// Without dropout the frozen map's result is scaled too.
    public func baseGradient(dOutput: Matrix, weight: Matrix, pass: LayerPass) -> Matrix {
        guard lora.dropoutMask(pass) == nil else { return dOutput }
        let dBase = pass.scratch.matrix(rows: dOutput.rows, columns: outputCount)
        scaleColumns(output: dBase, input: dOutput, factors: factors(minus: 0, weight: weight, pass: pass))
        return dBase
    }

    /// m ÷ ‖W + s · B · A‖ − `offset` in scratch [out].
    private func factors(minus offset: Float, weight: Matrix, pass: LayerPass) -> Vector {
        let (magnitudes, norms) = (pass.parameters[range], norms(weight, pass))
        let factors = pass.scratch.vector(outputCount)
        for index in 0..<outputCount { factors[index] = magnitudes[index] / norms[index] - offset }
        return factors
    }

    private func norms(_ weight: Matrix, _ pass: LayerPass) -> Vector {
        norms.values(
            weight: weight, loraA: lora.loraA(pass.parameters), loraB: lora.loraB(pass.parameters),
            loraScaling: lora.settings.loraScaling, isTransposed: isTransposed)
    }
}
