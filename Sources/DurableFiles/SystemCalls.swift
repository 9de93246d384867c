import CDurableFiles
import Glibc

/// The system calls of this module: each is made in one place, retried after a signal, and turned into
/// ``DurableFileError``.
enum SystemCalls {
    /// The operating system's words for an error number.
    static func errorText(_ number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }

    /// Calls `body` until it is not interrupted; a negative result throws.
    @discardableResult
    static func check(_ action: String, _ path: String, _ body: () -> Int32) throws(DurableFileError) -> Int32
    {
        while true {
            let result = body()
            if result >= 0 { return result }
            if errno != EINTR { throw DurableFileError(errorNumber: errno, action: action, path: path) }
        }
    }

    static func open(
        _ path: String, _ flags: Int32, permissions: mode_t = 0o644, action: String
    ) throws(DurableFileError) -> Int32 {
        try check(action, path) { unsafe Glibc.open(path, flags | O_CLOEXEC, permissions) }
    }

    static func rename(_ path: String, to newPath: String) throws(DurableFileError) {
        try check("rename to its final name", newPath) { unsafe Glibc.rename(path, newPath) }
    }

    /// Removes a file; a failure is ignored (clean-up on the way out of another error).
    static func unlink(_ path: String) { _ = unsafe Glibc.unlink(path) }

    /// Makes one directory; returns 0 or the error number.
    static func makeDirectory(_ path: String) -> Int32 { unsafe mkdir(path, 0o755) == 0 ? 0 : errno }

    /// Writes all bytes, however many calls that takes.
    static func writeAll(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
    ) throws(DurableFileError) {
        guard var next = bytes.baseAddress else { return }
        var remaining = bytes.count
        while remaining > 0 {
            let written = unsafe Glibc.write(descriptor, next, remaining)
            if written < 0 {
                if errno == EINTR { continue }
                throw DurableFileError(errorNumber: errno, action: "write", path: path)
            }
            unsafe next += written
            remaining -= written
        }
    }

    /// Reads up to `buffer.count` bytes at the descriptor's position; 0 at the end of the file.
    static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, path: String
    ) throws(DurableFileError) -> Int {
        while true {
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw DurableFileError(errorNumber: errno, action: "read", path: path) }
        }
    }

    /// Reads `count` bytes at `offset`, or throws when the file is shorter.
    static func readExactly(
        _ descriptor: Int32, count: Int, offset: Int, path: String
    ) throws(DurableFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + done }, count - done, offset + done)
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw DurableFileError(errorNumber: errno, action: "read", path: path)
            }
            if got == 0 {
                throw DurableFileError(
                    code: .io,
                    message: "\(path): ended at byte \(offset + done), expected \(offset + count);"
                        + " is another process writing it?",
                    path: path)
            }
            done += got
        }
        return bytes
    }

    /// Length of an open file in bytes.
    static func size(of descriptor: Int32, path: String) throws(DurableFileError) -> Int {
        var status = stat()
        try check("read the size of it", path) { unsafe fstat(descriptor, &status) }
        return Int(status.st_size)
    }

    /// Makes a directory's entries durable.
    static func synchronizeDirectory(_ path: String) throws(DurableFileError) {
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY, action: "open the directory")
        defer { close(descriptor) }
        try check("fsync the directory", path) { fsync(descriptor) }
    }

    /// Makes a file's bytes durable.
    static func synchronizeFile(_ path: String) throws(DurableFileError) {
        let descriptor = try open(path, O_RDONLY, action: "open for fsync")
        defer { close(descriptor) }
        try check("fsync", path) { fsync(descriptor) }
    }

    /// Exchanges two directory entries in one step, so that no reader sees neither.
    static func exchange(_ first: String, _ second: String) throws(DurableFileError) {
        try check("exchange with the new version", second) {
            unsafe CDurableFiles_exchange(first, second)
        }
    }
}

/// The directory part of `path`; "." when it has none.
func parentDirectory(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
}
