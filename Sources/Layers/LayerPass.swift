public import Kernels
public import Tensors

/// What accompanies activations through the layers of one forward and backward pass of one thread.
public struct LayerPass {
    /// [trainable.count] the trainable values, read-only.
    public let parameters: Vector
    /// [trainable.count] where gradients go; nil when nothing is trained.
    public let gradient: Vector?
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
        parameters: Vector, gradient: Vector?, dropout: DropoutPass?, activations: Arena, scratch: Arena,
        products: ProductThreads? = nil
    ) {
        self.parameters = parameters
        self.gradient = gradient
        self.dropout = dropout
        self.activations = activations
        self.scratch = scratch
        self.products = products
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
