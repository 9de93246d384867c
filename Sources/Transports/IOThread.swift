public import ZeroMQ

/// The I/O thread, seen from what runs on it: sockets to watch, timers, the end.
///
/// Not Sendable: handlers and timers run on this thread only, so state they share needs no lock. ``LoopBound``
/// lets other threads refer to such state without touching it.
public final class IOThread {
    /// Names a timer for ``cancel(_:)``.
    public struct Timer: Hashable, Sendable {
        fileprivate let number: UInt64
    }
    /// Called with what the socket is ready for. It should take a bounded number of messages and return; it is
    /// called again while more wait.
    public typealias Handler = (ZMQPoller.Interest) -> Void

    private struct Scheduled {
        var deadline: ContinuousClock.Instant
        var timer: Timer
        var action: () -> Void
    }

    /// The same thread, for other threads.
    public let loop: EventLoop
    private let receiver: ZMQSocket
    private let poller = ZMQPoller()
    private var handlers: [ObjectIdentifier: Handler] = [:]
    /// By deadline, the earliest last.
    private var timers: [Scheduled] = []
    private var nextTimer: UInt64 = 1
    private var isRunning = true

    /// No wait is longer than this.
    private static let longestWait = Duration.seconds(1)

    init(loop: EventLoop, receiver: ZMQSocket) {
        self.loop = loop
        self.receiver = receiver
        poller.set(receiver, .readable)
    }

    // MARK: - For what runs on the thread

    public var context: ZMQContext { loop.context }

    /// Calls `handler` whenever `socket` is ready for `interest`, until ``unwatch(_:)``.
    public func watch(
        _ socket: ZMQSocket, for interest: ZMQPoller.Interest = .readable, _ handler: @escaping Handler
    ) {
        handlers[ObjectIdentifier(socket)] = handler
        poller.set(socket, interest)
    }

    /// Changes what a watched socket is waited for.
    public func setInterest(_ interest: ZMQPoller.Interest, of socket: ZMQSocket) {
        poller.set(socket, interest)
    }

    public func unwatch(_ socket: ZMQSocket) {
        handlers[ObjectIdentifier(socket)] = nil
        poller.remove(socket)
    }

    /// Runs `action` once, at `deadline` or soon after.
    @discardableResult
    public func schedule(at deadline: ContinuousClock.Instant, _ action: @escaping () -> Void) -> Timer {
        let timer = Timer(number: nextTimer)
        nextTimer += 1
        // Later deadlines first; equal ones keep their order from the end.
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) / 2
            if timers[middle].deadline > deadline { low = middle + 1 } else { high = middle }
        }
        timers.insert(Scheduled(deadline: deadline, timer: timer, action: action), at: low)
        return timer
    }

    /// Runs `action` once, after `delay`.
    @discardableResult
    public func schedule(after delay: Duration, _ action: @escaping () -> Void) -> Timer {
        schedule(at: .now + delay, action)
    }

    /// Forgets a timer that has not run; one that has is no error.
    public func cancel(_ timer: Timer) { timers.removeAll { $0.timer == timer } }

    /// Ends the thread after the current round.
    public func exit() { isRunning = false }

    /// Wraps `value`, which lives on this thread, so that other threads may hold it.
    public func bind<Value>(_ value: Value) -> LoopBound<Value> { LoopBound(value, loop: loop) }

    // MARK: - The thread

    func run() {
        while isRunning {
            let ready: [(socket: ZMQSocket, ready: ZMQPoller.Interest)]
            do {
                ready = try poller.wait(for: nextWait())
            } catch {
                // Nothing can repair this; whoever holds the loop sees that it has ended, and why.
                loop.close(because: error)
                break
            }
            for (socket, interest) in ready where socket !== receiver {
                // A handler before this one may have stopped watching the socket.
                handlers[ObjectIdentifier(socket)]?(interest)
            }
            runDueTimers()
            for work in loop.takeWork(waking: receiver) where isRunning { work(self) }
        }
        loop.close()
        // Breaks the cycles through handlers, so that sockets close here, on their thread.
        timers.removeAll()
        for socket in handlers.keys { handlers[socket] = nil }
        poller.removeAll()
    }

    private func nextWait() -> Duration {
        guard let next = timers.last else { return Self.longestWait }
        return min(max(next.deadline - .now, .zero), Self.longestWait)
    }

    private func runDueTimers() {
        // Those that the actions add wait for the next round, so that sockets get their turn.
        let now = ContinuousClock.now
        let newest = nextTimer
        while isRunning, let index = timers.lastIndex(where: { $0.timer.number < newest }),
            timers[index].deadline <= now
        {
            timers.remove(at: index).action()
        }
    }
}

/// State of an ``IOThread`` that other threads may hold, and only that thread may look into.
public final class LoopBound<Value>: @unchecked Sendable {
    // Safety: `value` is reached only through `callAsFunction`, which takes the I/O thread of its loop: an
    // IOThread is not Sendable and never leaves its thread.
    private let value: Value
    private let loop: EventLoop

    fileprivate init(_ value: Value, loop: EventLoop) {
        self.value = value
        self.loop = loop
    }

    /// The value, on its thread.
    public func callAsFunction(_ io: IOThread) -> Value {
        precondition(io.loop === loop, "a value bound to one event loop used on another")
        return value
    }
}
