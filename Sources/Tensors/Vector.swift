import Glibc

/// `count` consecutive Float32 elements of a ``FloatStorage``. Copying a vector copies the view.
public struct Vector: @unchecked Sendable {
    // Safety: see FloatStorage; a view adds no state of its own.
    public let storage: FloatStorage
    /// Index of element 0 in the storage.
    public let offset: Int
    public let count: Int

    /// - Precondition: every element lies inside the storage.
    public init(_ storage: FloatStorage, offset: Int, count: Int) {
        precondition(
            offset >= 0 && count >= 0 && offset + count <= storage.count,
            "vector of \(count) at \(offset) leaves \(storage.count) elements")
        self.storage = storage
        self.offset = offset
        self.count = count
    }

    /// The whole of `storage`.
    public init(_ storage: FloatStorage) { self.init(storage, offset: 0, count: storage.count) }
    /// Allocates `count` zeros.
    public init(zeros count: Int) { self.init(FloatStorage(count: count)) }
    /// Copies `values`.
    public init(_ values: [Float]) { self.init(FloatStorage(values)) }

    /// Elements `range` of this vector.
    public subscript(range: Range<Int>) -> Vector {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "elements \(range) of \(count)")
        return Vector(storage, offset: offset + range.lowerBound, count: range.count)
    }

    /// One element; bounds-checked, so not for inner loops.
    public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count, "element \(index) of \(count)")
            return unsafe storage.readPointer[offset + index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "element \(index) of \(count)")
            unsafe storage.writePointer[offset + index] = newValue
        }
    }

    /// The same elements as a [rows, columns] matrix.
    public func matrix(rows: Int, columns: Int) -> Matrix {
        precondition(rows * columns == count, "\(count) elements are not [\(rows), \(columns)]")
        return Matrix(storage, offset: offset, rows: rows, columns: columns)
    }

    /// Address of element 0 for reading. For kernels only.
    @unsafe public var readPointer: UnsafePointer<Float> { unsafe storage.readPointer + offset }
    /// Address of element 0 for writing. For kernels only.
    @unsafe public var writePointer: UnsafeMutablePointer<Float> { unsafe storage.writePointer + offset }

    /// The elements, copied.
    public func toArray() -> [Float] {
        unsafe Array(UnsafeBufferPointer(start: readPointer, count: count))
    }

    /// Copies all of `source` into this vector.
    ///
    /// - Precondition: counts are equal; the two do not overlap.
    public func copy(from source: Vector) {
        precondition(source.count == count, "copying \(source.count) elements into \(count)")
        unsafe writePointer.update(from: source.readPointer, count: count)
    }

    /// A copy in new memory.
    public func copied() -> Vector {
        let copy = Vector(zeros: count)
        copy.copy(from: self)
        return copy
    }

    /// Whether every element has the bits of `other`'s.
    public func hasSameBits(as other: Vector) -> Bool {
        unsafe count == other.count && memcmp(readPointer, other.readPointer, count * 4) == 0
    }

    /// The elements as little-endian IEEE-754 bytes, read in place.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(start: readPointer, count: count * 4))
    }

    /// The elements as bytes to be overwritten in place, for instance from a socket or a file.
    public func withMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeMutableRawBufferPointer(start: writePointer, count: count * 4))
    }
}
