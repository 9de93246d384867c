public import Kernels
public import Tensors

/// What accompanies activations through the layers of one forward and backward pass of one thread.
public struct LayerPass {
    /// [trainable.count] the trainable values, read-only.
    public let parameters: Vector
    /// Where gradients go, one for each micro-batch whose rows are here; empty when nothing is trained.
    public var gradients: [RowGradient]
    /// Dropout of this pass; nil in evaluation.
    public var dropout: DropoutPass?
    /// What the backward will need; kept until the model gives it back.
    public let activations: Arena
    /// Memory that no layer keeps beyond its own call.
    public let scratch: Arena
    /// Threads that share the products of generation; nil in training and evaluation, where a product's shape, and so
    /// its bits, must not depend on threads.
    public let products: ProductThreads?

    public init(
        parameters: Vector, gradients: [RowGradient], dropout: DropoutPass?, activations: Arena,
        scratch: Arena,
        products: ProductThreads? = nil
    ) {
        self.parameters = parameters
        self.gradients = gradients
        self.dropout = dropout
        self.activations = activations
        self.scratch = scratch
        self.products = products
    }
}

/// The gradient of one micro-batch, and which rows of the activations are its own.
///
/// Several micro-batches may go through a pass together, each with a gradient of its own, because the bits of a row do
/// not depend on the rows beside it (see `gemm`).
public struct RowGradient: Sendable {
    public let rows: Range<Int>
    /// [trainable.count]
    public let gradient: Vector

    public init(rows: Range<Int>, gradient: Vector) {
        self.rows = rows
        self.gradient = gradient
    }

    /// All rows, however many there are.
    public init(allRowsOf gradient: Vector) { self.init(rows: 0..<Int.max, gradient: gradient) }

    /// Gradients whose rows follow one another; one alone has whatever rows there are.
    public static func consecutive(_ parts: [(rowCount: Int, gradient: Vector)]) -> [RowGradient] {
        guard parts.count > 1 else { return parts.map { RowGradient(allRowsOf: $0.gradient) } }
        var first = 0
        return parts.map { part in
            defer { first += part.rowCount }
            return RowGradient(rows: first..<first + part.rowCount, gradient: part.gradient)
        }
    }
}

/// Seed, step and row identities of a training pass's dropout.
public struct DropoutPass: Sendable {
    /// `training.seed`
    public let seed: UInt64
    /// The optimizer step.
    public let step: UInt32
    /// Which example and position each row of the activations is.
    public var rows: DropoutRows

    public init(seed: UInt64, step: UInt32, rows: DropoutRows) {
        self.seed = seed
        self.step = step
        self.rows = rows
    }

    /// Keeps the identities of rows `range` only.
    mutating func select(_ range: Range<Int>) {
        rows = DropoutRows(
            exampleIDs: Array(rows.exampleIDs[range]), positions: Array(rows.positions[range]))
    }
}
