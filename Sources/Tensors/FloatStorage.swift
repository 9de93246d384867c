import Glibc

/// Float32 memory that tensors are views of: either owned and writable, or borrowed and read-only
/// (a mapped weight file).
///
/// Views (``Matrix``, ``Vector``) keep their storage alive, so no pointer outlives its memory.
@safe public final class FloatStorage: @unchecked Sendable {
    // Safety: `base`, `count` and `isWritable` never change. Who may write which elements when is the
    // caller's agreement, as with any shared buffer: during a step the parameters are read by all compute
    // threads and written by none; every other buffer belongs to one thread.

    /// The first element; aligned to 64 bytes when owned.
    private let base: UnsafeMutablePointer<Float>
    /// Number of Float32 elements.
    public let count: Int
    /// False for storage that borrows read-only memory; writing through it is a programming error.
    public let isWritable: Bool
    /// What keeps borrowed memory alive; nil when this object owns the allocation.
    private let owner: AnyObject?
    /// Bytes of an allocation that is a mapping of its own; 0 for any other.
    private let mappedByteCount: Int

    /// From so many bytes on, zeros are pages that the kernel gives when they are first written: a moment that starts at
    /// zero takes no memory and no time before, and all of it goes back at the end.
    private static let mappingThreshold = 32 << 20

    /// Allocates `count` zeros, aligned to a cache line.
    public init(count: Int) {
        precondition(count >= 0, "FloatStorage of \(count) elements")
        let byteCount = max(count, 1) * MemoryLayout<Float>.stride
        if byteCount >= Self.mappingThreshold {
            let mapping = unsafe mmap(
                nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            // MAP_FAILED is ((void *) -1), which the importer leaves out.
            guard let raw = unsafe mapping, Int(bitPattern: raw) != -1 else {
                preconditionFailure("no memory for \(count) elements")
            }
            unsafe base = raw.bindMemory(to: Float.self, capacity: count)
            mappedByteCount = byteCount
        } else {
            let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
            unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
            unsafe base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
            mappedByteCount = 0
        }
        self.count = count
        isWritable = true
        owner = nil
    }

    /// Copies `values` into new storage.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { unsafe base[index] = value }
    }

    /// Borrows read-only memory that `owner` keeps alive, for instance the pages of a mapped file.
    ///
    /// - Precondition: `memory` is aligned to 4 bytes and stays valid while `owner` lives.
    public init(borrowing memory: UnsafeBufferPointer<Float>, owner: AnyObject) {
        guard let start = memory.baseAddress else { preconditionFailure("borrowed memory has no address") }
        unsafe base = UnsafeMutablePointer(mutating: start)
        count = memory.count
        isWritable = false
        mappedByteCount = 0
        self.owner = owner
    }

    deinit {
        if mappedByteCount > 0 {
            unsafe munmap(base, mappedByteCount)
        } else if owner == nil {
            unsafe base.deallocate()
        }
    }

    /// The address of element 0 for reading. For kernels only: check bounds once, then loop.
    @unsafe public var readPointer: UnsafePointer<Float> { unsafe UnsafePointer(base) }

    /// The address of element 0 for writing. For kernels only.
    ///
    /// - Precondition: the storage is writable.
    @unsafe public var writePointer: UnsafeMutablePointer<Float> {
        precondition(isWritable, "writing into read-only storage")
        return unsafe base
    }
}
