import Glibc

/// Files that appear whole or not at all: temporary file, fsync, rename, fsync of the directory.
public enum AtomicFile {
    /// Writes `bytes` as the whole content of `path`, replacing what was there.
    public static func write(
        _ bytes: [UInt8], to path: String, permissions: UInt32 = 0o644
    ) throws(DurableFileError) {
        try write(to: path, permissions: permissions) { (writer) throws(DurableFileError) in
            try writer.write(bytes)
        }
    }

    /// Writes the UTF-8 of `text` as the whole content of `path`, replacing what was there.
    public static func write(
        _ text: String, to path: String, permissions: UInt32 = 0o644
    ) throws(DurableFileError) {
        try write(Array(text.utf8), to: path, permissions: permissions)
    }

    /// Writes `path` piece by piece; nothing is visible under that name before `body` has returned.
    ///
    /// - Throws: what `body` throws, or ``DurableFileError``; in both cases the temporary file is removed.
    public static func write<Result>(
        to path: String, permissions: UInt32 = 0o644, body: (DurableFileWriter) throws -> Result
    ) throws -> Result {
        let temporary = temporaryName(for: path)
        do {
            let writer = try DurableFileWriter(path: temporary, permissions: permissions)
            let result = try body(writer)
            try commit(writer, from: temporary, to: path)
            return result
        } catch {
            SystemCalls.unlink(temporary)
            throw error
        }
    }

    /// As ``write(to:permissions:body:)`` for bodies that throw only this module's error.
    public static func write<Result>(
        to path: String, permissions: UInt32 = 0o644,
        body: (DurableFileWriter) throws(DurableFileError) -> Result
    ) throws(DurableFileError) -> Result {
        let temporary = temporaryName(for: path)
        do throws(DurableFileError) {
            let writer = try DurableFileWriter(path: temporary, permissions: permissions)
            let result = try body(writer)
            try commit(writer, from: temporary, to: path)
            return result
        } catch {
            SystemCalls.unlink(temporary)
            throw error
        }
    }

    /// Gives the finished file at `temporary`, written by other means, its final name durably.
    public static func publish(_ temporary: String, as path: String) throws(DurableFileError) {
        try SystemCalls.synchronizeFile(temporary)
        try SystemCalls.rename(temporary, to: path)
        try SystemCalls.synchronizeDirectory(parentDirectory(of: path))
    }

    private static func commit(
        _ writer: DurableFileWriter, from temporary: String, to path: String
    ) throws(DurableFileError) {
        try writer.synchronize()
        try SystemCalls.rename(temporary, to: path)
        try SystemCalls.synchronizeDirectory(parentDirectory(of: path))
    }

    /// A sibling (rename needs one file system) that no other thread or process chooses.
    private static func temporaryName(for path: String) -> String {
        "\(path).\(getpid())-\(UInt32.random(in: .min ... .max)).tmp"
    }
}
