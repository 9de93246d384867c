import Cluster
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct LocalWorkersTests {
    private static func workers(
        _ script: String, count: Int = 2, whenNoneRemain: @escaping @Sendable (Int32) -> Void = { _ in }
    ) -> LocalWorkers {
        LocalWorkers(
            executable: URL(filePath: "/bin/sh"), count: count, arguments: { _ in ["-c", script] },
            environment: [:],
            log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            whenNoneRemain: whenNoneRemain)
    }

    private static func wait(_ seconds: Double, until holds: () -> Bool) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            if holds() { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return holds()
    }

    @Test("stopping leaves no process behind, not even one that ignores the signal")
    func stoppingLeavesNoProcess() throws {
        let workers = Self.workers("trap '' TERM; while :; do sleep 0.1; done")
        try workers.start()
        let processes = workers.processIdentifiers
        #expect(processes.count == 2)
        workers.stop(grace: 0.5)
        #expect(workers.processIdentifiers.isEmpty)
        #expect(processes.allSatisfy { kill($0, 0) != 0 })
    }

    @Test("a worker that dies is started again")
    func deadWorkerIsStartedAgain() throws {
        let workers = Self.workers("exec sleep 60", count: 1)
        try workers.start()
        defer { workers.stop() }
        let first = try #require(workers.processIdentifiers.first)
        kill(first, SIGKILL)
        #expect(Self.wait(10) { workers.processIdentifiers.first.map { $0 != first } ?? false })
    }

    @Test("workers that say they cannot work are not started again, and the last status is told")
    func workersThatCannotWorkStay() throws {
        let told = Mutex<Int32?>(nil)
        let workers = Self.workers("exit 65") { status in told.withLock { $0 = status } }
        try workers.start()
        defer { workers.stop() }
        #expect(Self.wait(10) { told.withLock { $0 } == 65 })
        #expect(workers.processIdentifiers.isEmpty)
    }
}
