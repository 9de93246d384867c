import CZMQ
import Glibc

/// One frame: libzmq's message, on the heap because libzmq forbids moving its 64 bytes.
///
/// Sending a message empties it. A message may be handed from one thread to another, not used by two at once.
@safe public final class ZMQMessage {
    let handle: UnsafeMutablePointer<zmq_msg_t>

    /// An empty message, for receiving into.
    public init() {
        unsafe handle = .allocate(capacity: 1)
        // zmq_msg_init cannot fail: "always returns zero".
        unsafe _ = zmq_msg_init(handle)
    }

    /// `byteCount` uninitialised bytes that `fill` must write completely.
    ///
    /// - Throws: ``ZMQError`` with code `.exhausted` when there is no memory for them.
    public init(byteCount: Int, fill: (inout MutableRawSpan) -> Void) throws(ZMQError) {
        unsafe handle = .allocate(capacity: 1)
        guard unsafe zmq_msg_init_size(handle, byteCount) == 0 else {
            let errorNumber = zmq_errno()
            unsafe _ = zmq_msg_init(handle)
            throw ZMQError(
                .exhausted, "no memory for a message of \(byteCount) bytes", errorNumber: errorNumber)
        }
        let memory = unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(handle), count: byteCount)
        var span = unsafe memory.mutableBytes
        fill(&span)
    }

    /// A copy of `bytes`.
    public convenience init(_ bytes: [UInt8]) throws(ZMQError) {
        try self.init(byteCount: bytes.count) { span in
            unsafe span.withUnsafeMutableBytes { unsafe $0.copyBytes(from: bytes) }
        }
    }

    /// Memory that libzmq reads in place until the message has left the process; `owner` is kept until then.
    ///
    /// libzmq drops `owner` on one of its own threads. The bytes must not change in the meantime, and there is no
    /// word of when that is, so this fits memory that is never written again.
    ///
    /// - Precondition: `memory` stays valid while `owner` lives.
    @unsafe public init(
        borrowing memory: UnsafeRawBufferPointer, owner: any AnyObject & Sendable
    ) throws(ZMQError) {
        unsafe handle = .allocate(capacity: 1)
        let retained = unsafe Unmanaged.passRetained(owner as AnyObject)
        let result = unsafe zmq_msg_init_data(
            handle, UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count,
            { _, hint in
                if let hint = unsafe hint { unsafe Unmanaged<AnyObject>.fromOpaque(hint).release() }
            }, retained.toOpaque())
        guard result == 0 else {
            unsafe retained.release()
            unsafe _ = zmq_msg_init(handle)
            throw ZMQError(.exhausted, "no memory for a message", errorNumber: zmq_errno())
        }
    }

    deinit {
        unsafe _ = zmq_msg_close(handle)
        unsafe handle.deallocate()
    }

    /// Length of the frame.
    public var byteCount: Int { unsafe zmq_msg_size(handle) }

    /// True when another frame of the same message follows.
    public var hasMore: Bool { unsafe zmq_msg_more(handle) == 1 }

    /// The bytes in place; valid inside `body` only.
    public func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: zmq_msg_data(handle), count: zmq_msg_size(handle))
        return try unsafe body(bytes.bytes)
    }

    /// The bytes, copied.
    public func toArray() -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: zmq_msg_data(handle), count: zmq_msg_size(handle)))
    }

    /// A second message with the same bytes, which are shared, so that one chunk goes to several peers
    /// with one copy.
    public func shared() throws(ZMQError) -> ZMQMessage {
        let copy = ZMQMessage()
        guard unsafe zmq_msg_copy(copy.handle, handle) == 0 else { throw .last("sharing a message") }
        return copy
    }

    /// A property of the connection the message came through, e.g. `User-Id` (what the ``ZAPAuthenticator``
    /// knows the peer as) or `Peer-Address`.
    public func property(_ name: String) -> String? {
        guard let value = unsafe zmq_msg_gets(handle, name) else { return nil }
        return unsafe String(validatingCString: value)
    }

    /// The file descriptor the message came through, as ``ZMQMonitor/Event/descriptor`` has it; nil for inproc.
    public var sourceDescriptor: Int32? {
        let descriptor = unsafe zmq_msg_get(handle, ZMQ_SRCFD)
        return descriptor < 0 ? nil : descriptor
    }
}
