public import Kernels
public import Tensors

/// The feed-forward part of a block: down(silu(gate(x)) · up(x)), or down(gelu(up(x))).
public struct FeedForward: Sendable {
    /// What lies between the maps.
    public enum Activation: Sendable {
        /// silu(gate(x)) · up(x)
        case gatedSiLU(gate: LinearLayer)
        /// gelu(up(x))
        case gelu(GELUForm)
    }

    public let activation: Activation
    public let up: LinearLayer
    public let down: LinearLayer

    public init(activation: Activation, up: LinearLayer, down: LinearLayer) {
        self.activation = activation
        self.up = up
        self.down = down
    }

    /// What the forward keeps for the backward, which destroys it.
    public struct Activations {
        /// [N, F] each, before the activation function; no gate without one.
        let gate: Matrix?
        let up: Matrix
        let savedGate: Matrix?
        let savedUp: Matrix?
        let savedDown: Matrix?
    }

    private var gate: LinearLayer? {
        if case .gatedSiLU(let gate) = activation { gate } else { nil }
    }

    /// Whether up, or gate, have parameters to train.
    public var hasTrainableInputs: Bool { up.isTrainable || gate?.isTrainable == true }

    /// - Shapes: `output`, `input` [N, C]. Accumulates nothing.
    /// - Returns: activations in `pass.activations`.
    public func forward(output: Matrix, input: Matrix, pass: LayerPass) -> Activations {
        let g = gate.map { pass.activations.matrix(rows: input.rows, columns: $0.module.outputCount) }
        let u = pass.activations.matrix(rows: input.rows, columns: up.module.outputCount)
        let savedGate = g.flatMap { gate?.forward(output: $0, input: input, pass: pass) }
        let savedUp = up.forward(output: u, input: input, pass: pass)
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let inner = pass.scratch.matrix(rows: input.rows, columns: u.columns)
        activate(output: inner, gate: g, up: u)
        let savedDown = down.forward(output: output, input: inner, pass: pass)
        return Activations(gate: g, up: u, savedGate: savedGate, savedUp: savedUp, savedDown: savedDown)
    }

    /// What `down` is given.
    private func activate(output: Matrix, gate: Matrix?, up: Matrix) {
        if let gate { swiGLUForward(output: output, gate: gate, up: up) }
        if case .gelu(let form) = activation { geluForward(output: output, input: up, form: form) }
    }

    /// Gradients of the maps and, where wanted, of the input.
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
        let inner = pass.scratch.matrix(rows: u.rows, columns: u.columns)
        if down.isTrainable { activate(output: inner, gate: g, up: u) }
        let dInner = stopsAtDown ? nil : pass.scratch.matrix(rows: u.rows, columns: u.columns)
        down.backward(
            dInput: dInner, dOutput: dOutput, input: inner, saved: activations.savedDown, pass: pass)
        guard let dInner else { return }
        if case .gelu(let form) = activation { geluBackward(values: u, dOutput: dInner, form: form) }
        if let g, let gate {
            swiGLUBackward(gate: g, up: u, dOutput: dInner)
            gate.backward(
                dInput: dInput, dOutput: g, input: input, saved: activations.savedGate, pass: pass)
        }
        up.backward(
            dInput: dInput, accumulates: g != nil, dOutput: u, input: input, saved: activations.savedUp,
            pass: pass)
    }
}
