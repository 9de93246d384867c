import Glibc

/// An open file that is written from front to back. Made by ``AtomicFile/write(to:permissions:body:)``.
public final class DurableFileWriter {
    /// The file being written, for messages.
    public let path: String
    /// Bytes written so far.
    public private(set) var count = 0
    private let descriptor: Int32

    init(path: String, permissions: UInt32) throws(DurableFileError) {
        self.path = path
        descriptor = try SystemCalls.open(
            path, O_WRONLY | O_CREAT | O_TRUNC, permissions: permissions, action: "create")
    }

    deinit { close(descriptor) }

    /// Appends bytes.
    public func write(_ bytes: [UInt8]) throws(DurableFileError) {
        try write(unsafe bytes.span.bytes)
    }

    /// Appends bytes.
    public func write(_ bytes: RawSpan) throws(DurableFileError) {
        var failure: DurableFileError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(DurableFileError) {
                unsafe try SystemCalls.writeAll(buffer, to: descriptor, path: path)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        count += bytes.byteCount
    }

    /// Appends the UTF-8 of `text`.
    public func write(_ text: String) throws(DurableFileError) {
        try write(Array(text.utf8))
    }

    func synchronize() throws(DurableFileError) {
        try SystemCalls.check("fsync", path) { fsync(descriptor) }
    }
}
