import Glibc
import Synchronization

/// A text file that grows by whole lines, each durable before ``append(_:)`` returns.
///
/// A line that a crash cut short is removed when the file is opened again. Opening puts a copy in the file's place, so
/// whoever had it open before (a process that was suspended and replaced) writes to a file that nobody reads any more.
/// May be shared between threads.
public final class LineLog: Sendable {
    private struct State {
        var descriptor: Int32
        var byteCount: Int
        /// Set once the file may end in half a line; nothing is appended behind that.
        var failure: DurableFileError?
    }

    public let path: String
    /// What opening had to cut off: the bytes of a torn last line; empty when there was none.
    public let tornLine: [UInt8]
    private let state: Mutex<State>

    /// Opens `path`, creating it when missing, and cuts a last line that has no line break.
    public init(path: String) throws(DurableFileError) {
        let (whole, torn) = try LineLog.read(path)
        try AtomicFile.write(whole, to: path)
        self.path = path
        tornLine = torn
        state = Mutex(
            State(
                descriptor: try SystemCalls.open(path, O_RDWR, action: "open"), byteCount: whole.count))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    /// Writes `line` and a line break, and returns when both are on the disk.
    ///
    /// - Throws: code `.invalid` for a line with a line break in it; `.noSpace`, `.io` … when the disk refuses:
    ///   the file is then cut back to its last whole line, or refuses everything after if even that fails.
    public func append(_ line: String) throws(DurableFileError) {
        var bytes = Array(line.utf8)
        if bytes.contains(0x0A) {
            throw DurableFileError(
                code: .invalid,
                message: "\(path): a line to append has a line break in it: \(line.prefix(80))",
                path: path)
        }
        bytes.append(0x0A)
        let failure = state.withLock { (state) -> DurableFileError? in
            if let failure = state.failure { return failure }
            do throws(DurableFileError) {
                try write(bytes, &state)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private func write(_ bytes: [UInt8], _ state: inout State) throws(DurableFileError) {
        let descriptor = state.descriptor
        do throws(DurableFileError) {
            try SystemCalls.check("seek", path) { lseek(descriptor, state.byteCount, SEEK_SET) < 0 ? -1 : 0 }
            var failure: DurableFileError?
            unsafe bytes.withUnsafeBytes { buffer in
                do throws(DurableFileError) {
                    unsafe try SystemCalls.writeAll(buffer, to: descriptor, path: path)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        } catch {
            if ftruncate(descriptor, state.byteCount) != 0 { state.failure = error }
            throw error
        }
        do throws(DurableFileError) {
            try SystemCalls.check("fsync", path) { fsync(descriptor) }
        } catch {
            // After a failed fsync nobody knows what is on the disk, and a second fsync would not tell.
            state.failure = error
            throw error
        }
        state.byteCount += bytes.count
    }

    /// The whole lines of the file, and the bytes behind the last line break.
    private static func read(_ path: String) throws(DurableFileError) -> (whole: [UInt8], torn: [UInt8]) {
        let descriptor = try SystemCalls.open(path, O_RDONLY | O_CREAT, action: "open")
        defer { close(descriptor) }
        let byteCount = try SystemCalls.size(of: descriptor, path: path)
        var bytes = try SystemCalls.readExactly(descriptor, count: byteCount, offset: 0, path: path)
        let end = (bytes.lastIndex(of: 0x0A) ?? -1) + 1
        let torn = Array(bytes[end...])
        bytes.removeLast(torn.count)
        return (bytes, torn)
    }
}
