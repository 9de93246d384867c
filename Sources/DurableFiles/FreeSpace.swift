import Glibc

/// Room on a file system.
public enum FreeSpace {
    /// Bytes an unprivileged process may still write on the file system of `path` (an existing file or directory).
    public static func available(at path: String) throws(DurableFileError) -> Int {
        var status = statvfs()
        try SystemCalls.check("read the free space", path) { unsafe statvfs(path, &status) }
        let (bytes, overflow) = Int(clamping: status.f_bavail)
            .multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
        return overflow ? Int.max : bytes
    }

    /// Throws code `.noSpace` unless `byteCount` bytes fit.
    ///
    /// - Parameter purpose: what the space is for, for the message: "the expanded base model".
    public static func require(_ byteCount: Int, at path: String, for purpose: String)
        throws(DurableFileError)
    {
        let free = try available(at: path)
        guard free < byteCount else { return }
        throw DurableFileError(
            code: .noSpace,
            message: "\(path): \(purpose) needs \(byteCount) bytes, \(free) are free;"
                + " free some space there or choose another directory",
            path: path, errorNumber: ENOSPC)
    }
}
