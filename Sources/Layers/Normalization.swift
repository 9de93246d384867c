public import Tensors

/// What brings the rows of activations to one size: ``RMSNormLayer`` or ``LayerNormLayer``.
///
/// - Thread: any number at a time; holds no state of a pass.
public protocol Normalization: Sendable {
    /// Whether any of its tensors is trained.
    var isTrainable: Bool { get }

    /// Float32 values that the forward keeps for each row.
    static var statisticsColumns: Int { get }

    /// - Shapes: `output`, `input` [N, C]; `statistics` [N · statisticsColumns], saved for the backward. Accumulates
    ///   nothing.
    func forward(output: Matrix, statistics: Vector, input: Matrix, pass: LayerPass)

    /// The output of the forward again, to the bit.
    ///
    /// - Shapes: as there.
    func replay(output: Matrix, input: Matrix, statistics: Vector, pass: LayerPass)

    /// Gradients of what is trained, and of the input, where it is wanted.
    ///
    /// - Shapes: `dInput`, `dOutput`, `input` [N, C]; `statistics` as saved.
    /// - Accumulates: adds into `dInput`; the gradients of its tensors are overwritten.
    func backward(dInput: Matrix?, dOutput: Matrix, input: Matrix, statistics: Vector, pass: LayerPass)
}

extension Normalization {
    /// ``statisticsColumns`` of the type.
    public var statisticsColumns: Int { Self.statisticsColumns }
}
