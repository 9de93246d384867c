import Foundation
import Synchronization
import Testing
import Transports
import ZeroMQ

@Suite struct EventLoopTests {
    private func makeLoop() throws -> EventLoop {
        try EventLoop(name: "io", context: try ZMQContext())
    }

    @Test("posted work runs in order on one thread, which is not the caller's")
    func postOrder() throws {
        let loop = try makeLoop()
        defer { loop.stop() }
        let seen = Mutex<[Int]>([])
        let threads = Mutex<Set<pthread_t>>([])
        for index in 0..<1000 {
            loop.post { _ in
                seen.withLock { $0.append(index) }
                threads.withLock { _ = $0.insert(pthread_self()) }
            }
        }
        #expect(try loop.run { _ in seen.withLock { $0 } } == Array(0..<1000))
        let all = threads.withLock { $0 }
        #expect(all.count == 1 && !all.contains(pthread_self()))
    }

    @Test("work posted from many threads at once is never lost")
    func postFromManyThreads() throws {
        let loop = try makeLoop()
        defer { loop.stop() }
        let count = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2000 { loop.post { _ in count.withLock { $0 += 1 } } }
        }
        #expect(try loop.run { _ in count.withLock { $0 } } == 16_000)
    }

    @Test("timers fire in order of their deadlines, equal ones in order of scheduling, cancelled ones never")
    func timers() throws {
        let loop = try makeLoop()
        defer { loop.stop() }
        let fired = Mutex<[String]>([])
        let isDone = DispatchSemaphore(value: 0)
        try loop.run { io in
            let soon = ContinuousClock.now + .milliseconds(20)
            io.schedule(at: soon + .milliseconds(30)) {
                fired.withLock { $0.append("last") }
                isDone.signal()
            }
            io.schedule(at: soon) { fired.withLock { $0.append("first") } }
            io.schedule(at: soon) {
                fired.withLock { $0.append("second") }
                // Due at once, but not in this round.
                io.schedule(at: soon) { fired.withLock { $0.append("third") } }
            }
            let cancelled = io.schedule(at: soon) { fired.withLock { $0.append("cancelled") } }
            io.cancel(cancelled)
        }
        #expect(isDone.wait(timeout: .now() + 5) == .success)
        #expect(fired.withLock { $0 } == ["first", "second", "third", "last"])
    }

    @Test("a watched socket's messages reach its handler")
    func watchesSockets() throws {
        let loop = try makeLoop()
        defer { loop.stop() }
        let received = Mutex<[[UInt8]]>([])
        let hasReceived = DispatchSemaphore(value: 0)
        let endpoint = try loop.run { io in
            let socket = try ZMQSocket(io.context, .router)
            let endpoint = try socket.bind("tcp://127.0.0.1:*")
            io.watch(socket) { _ in
                while let frames = try? socket.receive() {
                    received.withLock { $0.append(frames[1].toArray()) }
                    hasReceived.signal()
                }
            }
            return endpoint
        }
        let client = try ZMQSocket(try ZMQContext(), .dealer)
        try client.connect(endpoint)
        for index in 0..<5 { #expect(try client.send([[UInt8(index)]]) == .sent) }
        for _ in 0..<5 { #expect(hasReceived.wait(timeout: .now() + 5) == .success) }
        #expect(received.withLock { $0 } == [[0], [1], [2], [3], [4]])
    }

    @Test("what runs on the loop may throw to the caller")
    func runThrows() throws {
        let loop = try makeLoop()
        defer { loop.stop() }
        let error = #expect(throws: TransportError.self) {
            try loop.run { _ in throw TransportError(.configuration, "no") }
        }
        #expect(error?.code == .configuration)
    }

    @Test("a loop that has ended refuses work, and answers those who wait")
    func stopped() throws {
        let loop = try makeLoop()
        loop.post { _ in usleep(50_000) }
        loop.post { $0.exit() }
        let error = #expect(throws: TransportError.self) { try loop.run { _ in 1 } }
        #expect(error?.code == .stopped)
        #expect(loop.stop())
        #expect(!loop.post { _ in })
    }

    @Test("a busy loop is reported after the deadline")
    func timesOut() throws {
        let loop = try makeLoop()
        let mayEnd = DispatchSemaphore(value: 0)
        loop.post { _ in mayEnd.wait() }
        let error = #expect(throws: TransportError.self) {
            try loop.run(timeout: .milliseconds(50)) { _ in 1 }
        }
        #expect(error?.code == .timedOut)
        #expect(!loop.stop(timeout: .milliseconds(50)))
        mayEnd.signal()
        #expect(loop.stop())
    }

    @Test("sockets and bound state are released on the thread when the loop ends")
    func releasesOnThread() throws {
        final class Probe {
            let report: @Sendable (pthread_t) -> Void
            init(_ report: @escaping @Sendable (pthread_t) -> Void) { self.report = report }
            deinit { report(pthread_self()) }
        }
        let loop = try makeLoop()
        let threads = Mutex<[pthread_t]>([])
        let thread = try loop.run { io in
            let probe = Probe { thread in threads.withLock { $0.append(thread) } }
            let socket = try ZMQSocket(io.context, .router)
            io.watch(socket) { _ in _ = probe }
            return pthread_self()
        }
        #expect(loop.stop())
        #expect(threads.withLock { $0 } == [thread])
    }
}
