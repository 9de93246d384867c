import Foundation

/// Directories that appear whole or not at all.
public enum AtomicDirectory {
    /// Fills `path.partial`, makes every file in it durable and renames it to `path`.
    ///
    /// A `.partial` left by a killed process is removed first. At most one publisher may work on a path at a
    /// time (take a ``FileLock`` where that is not given anyway).
    /// - Parameters:
    ///   - replacing: whether an existing `path` is replaced, in one step, rather than refused.
    ///   - fill: writes the files into the directory it is given.
    /// - Throws: what `fill` throws, or ``DurableFileError`` with code `.exists`, `.noSpace` …; the partial
    ///   directory is removed in both cases.
    @discardableResult
    public static func publish<Result>(
        at path: String, replacing: Bool = false, fill: (_ partialPath: String) throws -> Result
    ) throws -> Result {
        let files = FileManager.default
        let exists = files.fileExists(atPath: path)
        if exists && !replacing {
            throw DurableFileError(
                code: .exists, message: "\(path): already there; remove it or choose another name", path: path
            )
        }
        let partial = path + ".partial"
        try remove(partial)
        try createDirectory(partial)
        do {
            let result = try fill(partial)
            try synchronizeTree(partial)
            if exists {
                // After the exchange the old version lies under the partial name.
                try SystemCalls.exchange(partial, path)
                try SystemCalls.synchronizeDirectory(parentDirectory(of: path))
                try remove(partial)
            } else {
                try SystemCalls.rename(partial, to: path)
                try SystemCalls.synchronizeDirectory(parentDirectory(of: path))
            }
            return result
        } catch {
            try? remove(partial)
            throw error
        }
    }

    /// Gives a directory that was filled by other means its final name durably; nothing may have that name.
    public static func publish(_ partial: String, as path: String) throws(DurableFileError) {
        try synchronizeTree(partial)
        try SystemCalls.rename(partial, to: path)
        try SystemCalls.synchronizeDirectory(parentDirectory(of: path))
    }

    /// Makes a directory and its missing parents; no error when it is there.
    public static func createDirectory(_ path: String) throws(DurableFileError) {
        if path.isEmpty || path == "." || path == "/" { return }
        var number = SystemCalls.makeDirectory(path)
        if number == ENOENT {
            try createDirectory(parentDirectory(of: path))
            number = SystemCalls.makeDirectory(path)
        }
        if number == 0 { return }
        var isDirectory: ObjCBool = false
        // A dangling or circular link answers EEXIST too; only a directory will do.
        if number == EEXIST, unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
            isDirectory.boolValue
        {
            return
        }
        throw DurableFileError(errorNumber: number, action: "create the directory", path: path)
    }

    /// Removes a file or directory tree; no error when it is missing.
    public static func remove(_ path: String) throws(DurableFileError) {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch let error as CocoaError where error.code == .fileNoSuchFile {
            return
        } catch {
            // Foundation does not always hand out the error number; what counts is whether it is gone.
            var status = stat()
            if unsafe lstat(path, &status) != 0, errno == ENOENT { return }
            throw DurableFileError(
                code: .io, message: "\(path): cannot remove it: \(error.localizedDescription)", path: path)
        }
    }

    /// Makes every regular file and directory below `path` durable, then `path` itself.
    public static func synchronizeTree(_ path: String) throws(DurableFileError) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw DurableFileError(
                code: .io, message: "\(path): cannot list it: \(error.localizedDescription)", path: path)
        }
        for name in names {
            let child = path + "/" + name
            var status = stat()
            try SystemCalls.check("read its kind", child) { unsafe lstat(child, &status) }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try synchronizeTree(child)
            case S_IFREG: try SystemCalls.synchronizeFile(child)
            default: break
            }
        }
        try SystemCalls.synchronizeDirectory(path)
    }
}
