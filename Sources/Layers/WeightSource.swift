public import Tensors

/// Where a model's frozen tensors come from: Float32, under Hugging Face's names and in its layout.
public protocol WeightSource: Sendable {
    /// Whether there is a tensor of that name.
    func hasTensor(named name: String) -> Bool

    /// The tensor's elements in row-major order, as a view that keeps its memory alive.
    ///
    /// - Parameter shape: what the configuration says, outermost first.
    /// - Throws: when there is none of that name, or its shape is another.
    func tensor(named name: String, shape: [Int]) throws -> Vector

    /// Throws when the memory behind the tensors is no longer what was opened, e.g. a mapped file was truncated.
    /// Called around every pass of a model.
    func checkIntact() throws
}

extension WeightSource {
    public func checkIntact() throws {}
}
