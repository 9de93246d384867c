import Kernels
public import Tensors

/// The gated feed-forward part of a block: down(silu(gate(x)) · up(x)).
public struct GatedFeedForward: Sendable {
    public let gate: LinearLayer
    public let up: LinearLayer
    public let down: LinearLayer

    public init(gate: LinearLayer, up: LinearLayer, down: LinearLayer) {
        self.gate = gate
        self.up = up
        self.down = down
    }

    /// What the forward keeps for the backward, which destroys it.
    public struct Activations {
        /// [N, F] each, before the activation function.
        let gate: Matrix
        let up: Matrix
        let savedGate: Matrix?
        let savedUp: Matrix?
        let savedDown: Matrix?
    }

    /// Whether gate or up have parameters to train.
    public var hasTrainableInputs: Bool { gate.isTrainable || up.isTrainable }

    /// - Shapes: `output`, `input` [N, C]. Accumulates nothing.
    /// - Returns: activations in `pass.activations`.
    public func forward(output: Matrix, input: Matrix, pass: LayerPass) -> Activations {
        let g = pass.activations.matrix(rows: input.rows, columns: gate.module.outputCount)
        let u = pass.activations.matrix(rows: input.rows, columns: up.module.outputCount)
        let savedGate = gate.forward(output: g, input: input, pass: pass)
        let savedUp = up.forward(output: u, input: input, pass: pass)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let product = pass.scratch.matrix(rows: input.rows, columns: g.columns)
        swiGLUForward(output: product, gate: g, up: u)
        let savedDown = down.forward(output: output, input: product, pass: pass)
        return Activations(
            gate: g, up: u, savedGate: savedGate, savedUp: savedUp, savedDown: savedDown)
    }

    /// Gradients of the three maps and, where wanted, of the input.
    ///
    /// - Shapes: `dInput`, `input` [N, C]; `dOutput` [N, C].
    /// - Accumulates: nothing; `dInput` is overwritten. Destroys `activations`.
    /// - Parameter stopsAtDown: that nothing before `down` is trained.
    public func backward(
        dInput: Matrix?, dOutput: Matrix, input: Matrix, activations: Activations, stopsAtDown: Bool,
        pass: LayerPass
    ) {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let (g, u) = (activations.gate, activations.up)
        let product = pass.scratch.matrix(rows: g.rows, columns: g.columns)
        if down.isTrainable { swiGLUForward(output: product, gate: g, up: u) }
        let dProduct = stopsAtDown ? nil : pass.scratch.matrix(rows: g.rows, columns: g.columns)
        down.backward(
            dInput: dProduct, dOutput: dOutput, input: product, saved: activations.savedDown, pass: pass)
        guard let dProduct else { return }
        swiGLUBackward(gate: g, up: u, dOutput: dProduct)
        gate.backward(dInput: dInput, dOutput: g, input: input, saved: activations.savedGate, pass: pass)
        up.backward(
            dInput: dInput, accumulates: true, dOutput: u, input: input, saved: activations.savedUp,
            pass: pass)
    }
}
