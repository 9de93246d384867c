public import Tensors

/// One tensor of a model: frozen, a view of the base, or trained, a part of the flat parameter vector.
public struct Weight: Sendable {
    private enum Place: Sendable {
        case frozen(Vector)
        case trained(Range<Int>)
    }

    private let place: Place

    /// A tensor of the base that stays as it is.
    public static func frozen(_ values: Vector) -> Weight { Weight(place: .frozen(values)) }

    /// A tensor whose values are elements `range` of the parameter vector, and its gradient those of a gradient.
    public static func trained(_ range: Range<Int>) -> Weight { Weight(place: .trained(range)) }

    /// Elements of the tensor.
    public var count: Int {
        switch place {
        case .frozen(let values): values.count
        case .trained(let range): range.count
        }
    }

    /// Whether it has a gradient.
    public var isTrained: Bool {
        if case .trained = place { true } else { false }
    }

    /// Its values in a pass.
    public func values(in pass: LayerPass) -> Vector {
        switch place {
        case .frozen(let values): values
        case .trained(let range): pass.parameters[range]
        }
    }

    /// Calls `body` with the gradient of each micro-batch of the pass and the rows of the activations that are its own;
    /// not at all where the tensor is frozen.
    ///
    /// - Parameter rowCount: rows of the activations.
    func forEachGradient(in pass: LayerPass, rowCount: Int, _ body: (Vector, Range<Int>) -> Void) {
        guard case .trained(let range) = place else { return }
        for own in pass.gradients { body(own.gradient[range], own.rows.clamped(to: 0..<rowCount)) }
    }
}
