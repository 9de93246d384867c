import CZMQ
import Glibc

/// Waits until one of several sockets can be read or written.
@safe public final class ZMQPoller {
    /// What to wait for at a socket, or what it is ready for.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: Int16
        public init(rawValue: Int16) { self.rawValue = rawValue }
        public static let readable = Interest(rawValue: Int16(ZMQ_POLLIN))
        public static let writable = Interest(rawValue: Int16(ZMQ_POLLOUT))
    }

    private var items: [zmq_pollitem_t] = unsafe []
    private var sockets: [ZMQSocket] = []

    public init() {}

    /// Waits for `interest` at `socket` from now on; replaces what was waited for there.
    public func set(_ socket: ZMQSocket, _ interest: Interest) {
        if let index = sockets.firstIndex(where: { $0 === socket }) {
            unsafe items[index].events = interest.rawValue
        } else {
            sockets.append(socket)
            unsafe items.append(
                zmq_pollitem_t(socket: socket.handle, fd: 0, events: interest.rawValue, revents: 0))
        }
    }

    public func remove(_ socket: ZMQSocket) {
        guard let index = sockets.firstIndex(where: { $0 === socket }) else { return }
        sockets.remove(at: index)
        unsafe items.remove(at: index)
    }

    public func removeAll() {
        sockets.removeAll()
        unsafe items.removeAll()
    }

    /// The sockets that are ready, at the latest after `timeout`.
    public func wait(for timeout: Duration) throws(ZMQError) -> [(socket: ZMQSocket, ready: Interest)] {
        let count = unsafe items.count
        let result = unsafe items.withUnsafeMutableBufferPointer { buffer in
            unsafe zmq_poll(buffer.baseAddress, Int32(count), Int(timeout.wholeMilliseconds))
        }
        if result < 0 {
            // A signal is a reason to look around, not an error.
            guard zmq_errno() == EINTR else { throw .last("waiting for sockets") }
            return []
        }
        guard result > 0 else { return [] }
        var ready: [(ZMQSocket, Interest)] = []
        for index in 0..<count {
            let events = unsafe items[index].revents
            if events != 0 { ready.append((sockets[index], Interest(rawValue: events))) }
        }
        return ready
    }
}
