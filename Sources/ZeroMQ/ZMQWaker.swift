import Synchronization

/// Wakes a thread that waits in a ``ZMQPoller``, from any other thread: an inproc PAIR.
///
/// The thread polls ``receiver``; when it is readable the thread calls ``drain()`` and then looks at its mailbox.
public final class ZMQWaker: Sendable {
    // The sender moves between threads inside the lock, which is the full fence libzmq asks for.
    private struct State {
        var sender: ZMQSocket
        /// A wake-up is on its way; more would say nothing new.
        var isPending = false
    }
    private let state: Mutex<State>

    private init(sender: sending ZMQSocket) { state = Mutex(State(sender: sender)) }

    /// A waker and the socket at which it is heard, which belongs to the caller's thread.
    public static func make(_ context: ZMQContext) throws(ZMQError) -> (waker: ZMQWaker, receiver: ZMQSocket)
    {
        let endpoint = "inproc://waker-\(UInt64.random(in: .min ... .max))"
        let receiver = try ZMQSocket(context, .pair)
        try receiver.bind(endpoint)
        let sender = try ZMQSocket(context, .pair)
        try sender.connect(endpoint)
        return (ZMQWaker(sender: sender), receiver)
    }

    /// Makes the receiver readable; from any thread, without waiting.
    public func wake() {
        state.withLock { state in
            guard !state.isPending else { return }
            // An error means that the receiver is gone, and with it the thread to wake.
            guard let message = try? ZMQMessage([]) else { return }
            state.isPending = (try? state.sender.send(message)) == .sent
        }
    }

    /// Takes the wake-up off `receiver`; on the receiver's thread, before it looks at its mailbox.
    public func drain(_ receiver: ZMQSocket) {
        while (try? receiver.receive()) != nil {}
        state.withLock { $0.isPending = false }
    }
}
