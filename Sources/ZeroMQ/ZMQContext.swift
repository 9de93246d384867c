import CZMQ
import Glibc

/// The home of a process's sockets and of libzmq's own I/O threads.
///
/// "A ØMQ context is thread safe and may be shared among as many application threads as necessary, without any
/// additional locking required on the part of the caller." (zmq_ctx_new(3)). Every ``ZMQSocket`` keeps its
/// context alive, so the context ends after the last socket has been closed.
@safe public final class ZMQContext: @unchecked Sendable {
    // Safety: `handle` never changes and libzmq's contexts are thread safe.
    let handle: UnsafeMutableRawPointer

    /// - Parameter ioThreadCount: libzmq's threads that read, write and encrypt; one suffices for about a
    ///   gigabyte a second in the clear, about half of that with CURVE.
    public init(ioThreadCount: Int = 1) throws(ZMQError) {
        guard let handle = unsafe zmq_ctx_new() else { throw .last("making a ZeroMQ context") }
        unsafe self.handle = handle
        unsafe _ = zmq_ctx_set(handle, ZMQ_IO_THREADS, Int32(clamping: max(ioThreadCount, 1)))
        // Sockets made from now on do not hold up the end of the process for undelivered messages, unless
        // their options say so.
        unsafe _ = zmq_ctx_set(handle, ZMQ_BLOCKY, 0)
        // Sockets a mesh of some hundred workers needs, with their monitors.
        unsafe _ = zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, 4096)
    }

    deinit {
        // All sockets are closed here, so this waits only for their linger.
        while unsafe zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }

    /// Version of the libzmq in use, e.g. `4.3.4`.
    public static var libraryVersion: String {
        var (major, minor, patch) = (Int32(0), Int32(0), Int32(0))
        unsafe zmq_version(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }

    /// Whether the libzmq in use can encrypt (was built with CURVE).
    public static var hasCurve: Bool { unsafe zmq_has("curve") == 1 }
}
