import Foundation
import Synchronization
public import ZeroMQ

/// A process's I/O thread, seen from the other threads.
///
/// The thread owns all sockets and whatever state reacts to messages; it waits in `zmq_poll` until a socket is
/// ready, a timer is due or somebody posts. What runs on it is given the ``IOThread`` and must not block or compute
/// for long.
public final class EventLoop: Sendable {
    /// Work for the thread.
    public typealias Work = @Sendable (IOThread) -> Void

    private struct Mailbox {
        var work: [Work] = []
        var isClosed = false
        var failure: ZMQError?
    }

    public let context: ZMQContext
    private let mailbox = Mutex(Mailbox())
    private let waker: ZMQWaker
    private let hasEnded = DispatchGroup()

    /// Starts the thread.
    public init(name: String, context: ZMQContext) throws(TransportError) {
        self.context = context
        let receiver: ZMQSocket
        do {
            (waker, receiver) = try ZMQWaker.make(context)
        } catch {
            throw TransportError(error)
        }
        let handover = Handover(receiver)
        hasEnded.enter()
        let thread = Thread { [self] in
            if let receiver = handover.take() { IOThread(loop: self, receiver: receiver).run() }
            hasEnded.leave()
        }
        thread.name = name
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Runs `work` on the thread soon, in the order of posting; from any thread, without waiting.
    ///
    /// - Returns: false when the loop has ended; `work` will not run.
    @discardableResult
    public func post(_ work: @escaping Work) -> Bool {
        let isOpen = mailbox.withLock { mailbox in
            if !mailbox.isClosed { mailbox.work.append(work) }
            return !mailbox.isClosed
        }
        if isOpen { waker.wake() }
        return isOpen
    }

    /// Runs `body` on the thread and waits for what it returns. Not to be called on the thread itself.
    ///
    /// - Throws: what `body` throws; ``TransportError`` with code `.stopped` or `.timedOut`.
    public func run<Result: Sendable>(
        timeout: Duration = .seconds(10), _ body: @escaping @Sendable (IOThread) throws -> Result
    ) throws -> Result {
        let slot = Slot<Result>()
        guard post(Self.filling(slot, body)) else {
            throw TransportError(.stopped, "the event loop has ended")
        }
        guard let result = slot.wait(timeout) else {
            throw TransportError(.timedOut, "no answer from the event loop within \(timeout)")
        }
        return try result.get()
    }

    /// Work that fills `slot`; with a failure when it is dropped unrun. Made here, so that nothing but the mailbox
    /// holds it.
    private static func filling<Result: Sendable>(
        _ slot: Slot<Result>, _ body: @escaping @Sendable (IOThread) throws -> Result
    ) -> Work {
        let filler = SlotFiller(slot)
        return { io in filler.fill(Swift.Result { try body(io) }) }
    }

    /// Asks the thread to end and waits for it. Sockets and handlers are released on the thread.
    ///
    /// - Returns: false when the thread was still busy after `timeout`.
    @discardableResult
    public func stop(timeout: Duration = .seconds(10)) -> Bool {
        post { $0.exit() }
        return hasEnded.wait(timeout: .now() + timeout.timeInterval) == .success
    }

    /// Why the loop ended by itself, when waiting for sockets failed.
    public var failure: ZMQError? { mailbox.withLock { $0.failure } }

    // MARK: - For the thread

    /// Takes what was posted.
    func takeWork(waking receiver: ZMQSocket) -> [Work] {
        waker.drain(receiver)
        return mailbox.withLock { mailbox in
            defer { mailbox.work.removeAll(keepingCapacity: true) }
            return mailbox.work
        }
    }

    /// Refuses further work and drops what waits.
    func close(because failure: ZMQError? = nil) {
        let dropped = mailbox.withLock { mailbox in
            mailbox.isClosed = true
            if mailbox.failure == nil { mailbox.failure = failure }
            defer { mailbox.work.removeAll() }
            return mailbox.work
        }
        // Released outside the lock: a closure's release may run code that posts.
        _ = dropped
    }
}

extension Duration {
    /// In seconds.
    var timeInterval: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}

/// One result that another thread waits for.
private final class Slot<Value: Sendable>: Sendable {
    private let value = Mutex<Swift.Result<Value, any Error>?>(nil)
    private let isFilled = DispatchSemaphore(value: 0)

    func fill(_ result: Swift.Result<Value, any Error>) {
        let isFirst = value.withLock { value in
            guard value == nil else { return false }
            value = result
            return true
        }
        if isFirst { isFilled.signal() }
    }

    func wait(_ timeout: Duration) -> Swift.Result<Value, any Error>? {
        _ = isFilled.wait(timeout: .now() + timeout.timeInterval)
        return value.withLock { $0 }
    }
}

/// Fills a slot, at the latest when it is released.
private final class SlotFiller<Value: Sendable>: Sendable {
    private let slot: Slot<Value>
    init(_ slot: Slot<Value>) { self.slot = slot }
    func fill(_ result: Swift.Result<Value, any Error>) { slot.fill(result) }
    deinit { slot.fill(.failure(TransportError(.stopped, "the event loop has ended"))) }
}
