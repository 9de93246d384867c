public import Kernels
public import Tensors

/// The map from hidden states to the logits of masked tokens: decoder(norm(gelu(dense(hidden)))), with the loss behind
/// it.
public struct MaskedLanguageModelHead: Sendable {
    public let transform: LinearLayer
    public let norm: LayerNormLayer
    /// Its matrix is the embedding's.
    public let decoder: LanguageModelHead

    public init(transform: LinearLayer, norm: LayerNormLayer, decoder: LanguageModelHead) {
        self.transform = transform
        self.norm = norm
        self.decoder = decoder
    }

    public var isTrainable: Bool { reachesTransform || decoder.projection.isTrainable }
    private var reachesTransform: Bool { transform.isTrainable || norm.isTrainable }

    private struct Activations {
        let before: Matrix  // [M, C] what GELU is given
        let activated: Matrix  // [M, C]
        let normed: Matrix  // [M, C]
        let statistics: Vector
        let saved: Matrix?
    }

    private func forward(_ hidden: Matrix, pass: LayerPass) -> Activations {
        func matrix() -> Matrix {
            pass.scratch.matrix(rows: hidden.rows, columns: transform.module.outputCount)
        }
        let (before, activated, normed) = (matrix(), matrix(), matrix())
        let statistics = pass.scratch.vector(hidden.rows * norm.statisticsColumns)
        let saved = transform.forward(output: before, input: hidden, pass: pass)
        geluForward(output: activated, input: before, form: .erf)
        norm.forward(output: normed, statistics: statistics, input: activated, pass: pass)
        return Activations(
            before: before, activated: activated, normed: normed, statistics: statistics, saved: saved)
    }

    /// Loss of each row and its gradient.
    ///
    /// - Shapes: `dHidden`, `hidden` [M, C]; `targets` [M].
    /// - Parameter parts: the rows of each micro-batch, in order.
    /// - Accumulates: nothing; `dHidden`, where wanted, is overwritten.
    /// - Returns: for each of `parts` Σ −log p(target) in nats, in Float64 in row order.
    public func gradient(
        dHidden: Matrix?, hidden: Matrix, targets: [Int32], parts: [Range<Int>], pass: LayerPass
    ) -> [Double] {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let forward = forward(hidden, pass: pass)
        let reaches = dHidden != nil || reachesTransform
        func gradient() -> Matrix { pass.scratch.matrix(rows: hidden.rows, columns: forward.normed.columns) }
        let dNormed = reaches ? gradient() : nil
        let lossSums = decoder.gradient(
            dHidden: dNormed, hidden: forward.normed, targets: targets, parts: parts, pass: pass)
        guard let dNormed else { return lossSums }
        let dActivated = gradient()
        fill(dActivated, with: 0)
        norm.backward(
            dInput: dActivated, dOutput: dNormed, input: forward.activated, statistics: forward.statistics,
            pass: pass)
        geluBackward(values: forward.before, dOutput: dActivated, form: .erf)
        transform.backward(
            dInput: dHidden, dOutput: forward.before, input: hidden, saved: forward.saved, pass: pass)
        return lossSums
    }

    /// Loss of each row and whether its target is the likeliest id.
    ///
    /// - Shapes: `hidden` [M, C]; `targets` [M].
    /// - Accumulates: appends M scores.
    public func scores(hidden: Matrix, targets: [Int32], into scores: inout [TokenScore], pass: LayerPass) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        decoder.scores(
            hidden: forward(hidden, pass: pass).normed, targets: targets, into: &scores, pass: pass)
    }
}
