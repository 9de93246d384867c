import CMemoryGuard
import Glibc

/// A file mapped read-only into memory; all processes that map it share one copy of its pages.
///
/// Truncating a mapped file normally kills its readers with SIGBUS. Here the missing pages read as zeros
/// instead, and ``checkIntact()`` throws from then on: whoever computes with mapped memory calls that after
/// each use (once a micro-batch) and drops the result when it throws.
@safe public final class MappedFile: @unchecked Sendable {
    // Safety: all fields are set once; the memory is only read.

    public let path: String
    /// Length of the file when it was mapped.
    public let byteCount: Int
    private let start: UnsafeRawPointer?
    private let guardSlot: Int32
    private let descriptor: Int32
    private let modified: timespec

    /// Maps the whole of `path`.
    ///
    /// - Throws: ``MappedFileError`` with code `.notFound`, `.unreadable` (a directory, no permission) or `.io`.
    public init(path: String) throws(MappedFileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MappedFile.failure(errno, "open", path) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let number = errno
            close(descriptor)
            throw MappedFile.failure(number, "read the size of", path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw MappedFileError(
                code: .unreadable, message: "\(path): not a regular file; expected a file of weights",
                path: path)
        }
        let byteCount = Int(status.st_size)
        var start: UnsafeRawPointer?
        var slot: Int32 = -1
        if byteCount > 0 {
            // MAP_FAILED is ((void *) -1), which the importer leaves out.
            guard let mapped = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
                Int(bitPattern: mapped) != -1
            else {
                let number = errno
                close(descriptor)
                throw MappedFile.failure(number, "map", path)
            }
            slot = unsafe CMemoryGuard_register(mapped, byteCount)
            guard slot >= 0 else {
                unsafe munmap(mapped, byteCount)
                close(descriptor)
                throw MappedFileError(
                    code: .io,
                    message: "\(path): more than \(CMemoryGuard_CAPACITY) files are mapped; close some first",
                    path: path)
            }
            unsafe start = UnsafeRawPointer(mapped)
        }
        self.path = path
        self.byteCount = byteCount
        unsafe self.start = start
        guardSlot = slot
        self.descriptor = descriptor
        modified = status.st_mtim
    }

    deinit {
        if let start = unsafe start {
            CMemoryGuard_unregister(guardSlot)
            unsafe munmap(UnsafeMutableRawPointer(mutating: start), byteCount)
        }
        close(descriptor)
    }

    /// Calls `body` with the bytes of `range`.
    ///
    /// - Precondition: `range` lies inside the file.
    public func withBytes<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= byteCount,
            "bytes \(range) of \(byteCount) in \(path)")
        let buffer = unsafe UnsafeRawBufferPointer(
            start: start.map { unsafe $0 + range.lowerBound }, count: range.count)
        return try body(unsafe buffer.bytes)
    }

    /// A view of `count` Float32 values in the mapped pages, which keeps this file mapped; no copy.
    ///
    /// - Throws: code `.outOfBounds` when they leave the file or `byteOffset` is no multiple of 4.
    public func floats(at byteOffset: Int, count: Int) throws(MappedFileError) -> FloatStorage {
        let (floatBytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard !overflow, count >= 0, byteOffset >= 0, byteOffset <= byteCount,
            floatBytes <= byteCount - byteOffset, byteOffset % MemoryLayout<Float>.alignment == 0
        else {
            throw MappedFileError(
                code: .outOfBounds,
                message:
                    "\(path): \(count) Float32 values at byte \(byteOffset) of \(byteCount) cannot be mapped",
                path: path)
        }
        guard count > 0, let start = unsafe start else { return FloatStorage(count: 0) }
        let first = unsafe (start + byteOffset).assumingMemoryBound(to: Float.self)
        return unsafe FloatStorage(borrowing: UnsafeBufferPointer(start: first, count: count), owner: self)
    }

    /// Throws when the file was truncated or written since it was mapped. Costs one system call.
    ///
    /// - Throws: ``MappedFileError`` with code `.changed`; every later call throws it too, unless the file only
    ///   got its old length and time back before a missing page was read.
    public func checkIntact() throws(MappedFileError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw MappedFile.failure(errno, "read the size of", path)
        }
        let size = Int(status.st_size)
        if CMemoryGuard_faulted(guardSlot) != 0 || size < byteCount {
            throw MappedFileError(
                code: .changed,
                message: "\(path): truncated while in use, from \(byteCount) to \(size) bytes;"
                    + " restore the file and start again",
                path: path)
        }
        if status.st_mtim.tv_sec != modified.tv_sec || status.st_mtim.tv_nsec != modified.tv_nsec {
            throw MappedFileError(
                code: .changed,
                message: "\(path): written while in use; restore the file and start again", path: path)
        }
    }

    private static func failure(_ number: Int32, _ action: String, _ path: String) -> MappedFileError {
        let text = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        let code: MappedFileError.Code =
            switch number {
            case ENOENT, ENOTDIR: .notFound
            case EACCES, EPERM, EISDIR: .unreadable
            default: .io
            }
        return MappedFileError(
            code: code, message: "\(path): cannot \(action) it: \(text); check the path and its permissions",
            path: path)
    }
}
