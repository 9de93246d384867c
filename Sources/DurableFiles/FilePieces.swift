import Glibc

/// Pieces of files at given places, read and written in any order.
public enum FilePieces {
    /// Reads `count` bytes at `offset`.
    ///
    /// - Throws: ``DurableFileError``, also when the file is shorter.
    public static func read(
        _ path: String, offset: Int, count: Int
    ) throws(DurableFileError) -> [UInt8] {
        let descriptor = try SystemCalls.open(path, O_RDONLY, action: "open")
        defer { close(descriptor) }
        return try SystemCalls.readExactly(descriptor, count: count, offset: offset, path: path)
    }

    /// Writes `bytes` at `offset` of a file that exists. They are not durable before ``AtomicDirectory`` has made them so.
    public static func write(
        _ bytes: [UInt8], to path: String, offset: Int
    ) throws(DurableFileError) {
        let descriptor = try SystemCalls.open(path, O_WRONLY, action: "open")
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    descriptor, buffer.baseAddress.map { unsafe $0 + done }, bytes.count - done,
                    off_t(offset + done))
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw DurableFileError(errorNumber: errno, action: "write", path: path)
            }
            done += written
        }
    }

    /// Makes a file of `byteCount` bytes that take no room until they are written; what it has already stays.
    public static func create(_ path: String, byteCount: Int) throws(DurableFileError) {
        let descriptor = try SystemCalls.open(path, O_WRONLY | O_CREAT, action: "create")
        defer { close(descriptor) }
        try SystemCalls.check("set the length", path) { ftruncate(descriptor, off_t(byteCount)) }
    }
}
