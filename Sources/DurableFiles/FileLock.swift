import Foundation
import Synchronization

/// An exclusive lock of a path between processes (`flock`), held until ``release()`` or the end of the object.
///
/// The lock file stays behind; whether it is locked is the kernel's knowledge, so a killed holder leaves
/// nothing to clean up. It names its holder for the error of whoever comes second.
public final class FileLock: Sendable {
    /// The lock file.
    public let path: String
    private let descriptor: Mutex<Int32?>

    /// Takes the lock, or throws at once when another process has it.
    ///
    /// - Throws: ``DurableFileError`` with code `.locked`, whose message names the holder's process where known.
    public convenience init(path: String) throws(DurableFileError) {
        try self.init(path: path, waitingUpTo: .zero)
    }

    /// Takes the lock, waiting for another holder.
    ///
    /// - Parameters:
    ///   - limit: how long to wait before giving up with code `.locked`.
    ///   - onWait: called once, with the holder's description, when there is something to wait for.
    public init(
        path: String, waitingUpTo limit: Duration, onWait: (_ holder: String) -> Void = { _ in }
    ) throws(DurableFileError) {
        self.path = path
        let opened = try SystemCalls.open(path, O_RDWR | O_CREAT, action: "open the lock file")
        let deadline = ContinuousClock.now + limit
        var announced = false
        while flock(opened, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            if number == EINTR { continue }
            let holder = FileLock.holder(in: opened)
            if number != EWOULDBLOCK || ContinuousClock.now >= deadline {
                close(opened)
                guard number == EWOULDBLOCK else {
                    throw DurableFileError(errorNumber: number, action: "lock", path: path)
                }
                throw DurableFileError(
                    code: .locked,
                    message: "\(path): locked by \(holder); wait until it has finished or stop it",
                    path: path, errorNumber: number)
            }
            if !announced {
                announced = true
                onWait(holder)
            }
            usleep(50_000)
        }
        descriptor = Mutex(opened)
        FileLock.record("\(getpid()) \(ProcessInfo.processInfo.hostName)\n", in: opened)
    }

    deinit { release() }

    /// Gives the lock back. Calling it twice is harmless.
    public func release() {
        descriptor.withLock { descriptor in
            guard let held = descriptor else { return }
            FileLock.record("", in: held)
            close(held)
            descriptor = nil
        }
    }

    /// Writes who holds the lock. Failure is ignored: the text only helps the reader of an error.
    private static func record(_ text: String, in descriptor: Int32) {
        _ = ftruncate(descriptor, 0)
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    private static func holder(in descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(
            whereSeparator: \.isWhitespace)
        guard let first = words.first, let process = Int32(first) else { return "another process" }
        return words.count > 1 ? "process \(process) on \(words[1])" : "process \(process)"
    }
}
