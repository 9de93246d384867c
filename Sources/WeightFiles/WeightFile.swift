public import Tensors

/// A file of named tensors, mapped into memory and checked from end to end when it is opened.
public protocol WeightFile: AnyObject, Sendable {
    /// The tensors in the order of their bytes.
    var tensors: [TensorDescription] { get }
    /// The mapped file.
    var file: MappedFile { get }
    /// The tensor called `name`, if there is one.
    func tensor(named name: String) -> TensorDescription?
}

extension WeightFile {
    /// The file.
    public var path: String { file.path }

    /// The tensor called `name`.
    ///
    /// - Parameter shape: what its dimensions must be, if the caller knows.
    /// - Throws: ``WeightFileError`` with code `.missingTensor` or `.mismatch`.
    public func requireTensor(
        named name: String, shape: [Int]? = nil
    ) throws(WeightFileError) -> TensorDescription {
        guard let tensor = tensor(named: name) else {
            throw WeightFileError(
                .missingTensor, path, tensor: name,
                "missing; the file has \(tensors.count) others. Is it whole?")
        }
        if let shape, shape != tensor.shape {
            throw WeightFileError(
                .mismatch, path, tensor: name,
                "has shape \(tensor.shapeText), expected \(shape); is this the file for that configuration?")
        }
        return tensor
    }

    /// The tensor as Float32: a view of the mapped pages where it is stored so (and aligned), else a copy.
    ///
    /// - Throws: code `.mismatch` for a type without Float32 values, e.g. integers.
    public func floats(of tensor: TensorDescription) throws(WeightFileError) -> FloatStorage {
        try requireExpandable(tensor)
        if tensor.elementType == .float32, tensor.byteOffset % MemoryLayout<Float>.alignment == 0 {
            do {
                return try file.floats(at: tensor.byteOffset, count: tensor.elementCount)
            } catch {
                throw WeightFileError(error)
            }
        }
        let storage = FloatStorage(count: tensor.elementCount)
        try expand(tensor, elements: 0..<tensor.elementCount, into: Vector(storage))
        return storage
    }

    /// Expands `elements` of the tensor (whole blocks) into `output`, which it overwrites.
    ///
    /// - Shapes: `output` [elements.count].
    /// - Precondition: the bounds are multiples of the block's element count and lie inside the tensor.
    public func expand(
        _ tensor: TensorDescription, elements: Range<Int>, into output: Vector
    ) throws(WeightFileError) {
        try requireExpandable(tensor)
        let block = tensor.elementType.blockElementCount
        precondition(
            elements.lowerBound % block == 0 && elements.upperBound % block == 0
                && elements.lowerBound >= 0 && elements.upperBound <= tensor.elementCount
                && output.count == elements.count,
            "elements \(elements) of \(tensor.elementCount) into \(output.count)")
        let first = tensor.byteOffset + elements.lowerBound / block * tensor.elementType.blockByteCount
        let last = tensor.byteOffset + elements.upperBound / block * tensor.elementType.blockByteCount
        file.withBytes(first..<last) { bytes in
            Dequantization.expand(bytes, elementType: tensor.elementType, into: output)
        }
    }

    /// The stored bytes of the tensor, copied.
    public func bytes(of tensor: TensorDescription) -> [UInt8] {
        file.withBytes(tensor.byteRange) { span in unsafe span.withUnsafeBytes { unsafe Array($0) } }
    }

    /// Throws code `.changed` when the file was truncated or written since it was opened.
    public func checkIntact() throws(WeightFileError) {
        do { try file.checkIntact() } catch { throw WeightFileError(error) }
    }

    private func requireExpandable(_ tensor: TensorDescription) throws(WeightFileError) {
        guard tensor.elementType.isExpandable else {
            throw WeightFileError(
                .mismatch, path, tensor: tensor.name,
                "holds \(tensor.elementType.rawValue), expected F32, F16, BF16 or a GGUF block type")
        }
    }
}
