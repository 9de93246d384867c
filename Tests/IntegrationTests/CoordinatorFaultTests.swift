import Foundation
import Testing

/// A coordinator that dies, stops or meets a full disk: with --resume the workers that waited go on, to the undisturbed
/// bytes.
@Suite(.serialized) struct CoordinatorFaultTests {
    @Test(
        "a coordinator killed at any point is resumed with the workers that waited",
        arguments: [
            "before-ledger:30", "after-ledger:30", "after-commit-sent:30", "applied-received:61",
            "metrics:30",
            "snapshot-received:1", "checkpoint-files:2", "checkpoint-manifest:2", "checkpoint-published:2",
            "state-sent:1", "adapter:1",
        ])
    func killed(fault: String) throws {
        let cluster = try FaultCluster()
        let first = try cluster.coordinator(minimumWorkers: 2, fault: fault)
        let workers = [try cluster.worker(), try cluster.worker()]
        let end = try first.wait(limit: 60)
        #expect(end.status == 128 + SIGKILL, "\(end)")
        if fault.hasPrefix("adapter") {
            // The workers were told that the run is over; the adapter is published from the last checkpoint.
            let again = try cluster.coordinator(resumes: true)
            try cluster.finish(again, workers: workers + [try cluster.worker()])
            return
        }
        let second = try cluster.coordinator(resumes: true, minimumWorkers: 2)
        try cluster.finish(second, workers: workers)
        #expect(workers.allSatisfy { !$0.isRunning })
        // Both kept their state, so no step is computed again.
        #expect(try cluster.run.eventCount("replay") == 0)
        // At a checkpoint the state they hold may be the newest on disk, so that nothing is taken up behind it.
        let isWithinStep = ["before-ledger", "after-", "applied-", "metrics"].contains { fault.hasPrefix($0) }
        if isWithinStep { #expect(try cluster.run.eventCount("resumed") == 1) }
    }

    @Test(
        "with all of the base trained it goes on the same, from a state whose digest was not taken",
        arguments: ["before-ledger:33", "after-ledger:33", "metrics:33"])
    func killedWithoutDigest(fault: String) throws {
        let cluster = try FaultCluster(trainsBase: true)
        let first = try cluster.coordinator(minimumWorkers: 2, fault: fault)
        let workers = [try cluster.worker(), try cluster.worker()]
        #expect(try first.wait(limit: 60).status == 128 + SIGKILL)
        try cluster.finish(try cluster.coordinator(resumes: true, minimumWorkers: 2), workers: workers)
        #expect(try cluster.run.eventCount("replay") == 0)
        #expect(try cluster.run.eventCount("resumed") == 1)
    }

    @Test("a coordinator killed when it had raised the term only is started again")
    func killedAtStart() throws {
        let cluster = try FaultCluster()
        let worker = try cluster.worker()
        let end = try cluster.coordinator(fault: "term-raised:1").wait(limit: 60)
        #expect(end.status == 128 + SIGKILL, "\(end)")
        try cluster.finish(try cluster.coordinator(resumes: true), workers: [worker])
    }

    @Test(
        "a coordinator stopped for longer than lost_after_seconds goes on with its workers",
        arguments: ["before-ledger:30:stop", "after-ledger:30:stop", "checkpoint-manifest:2:stop"])
    func stopped(fault: String) throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2, fault: fault)
        let workers = [try cluster.worker(), try cluster.worker()]
        try #require(Shoal.eventually(within: 60) { coordinator.isStopped }, "\(coordinator.errors)")
        Thread.sleep(forTimeInterval: FaultCluster.lostAfter + 1)
        coordinator.send(SIGCONT)
        try cluster.finish(coordinator, workers: workers)
    }

    @Test("a coordinator and a worker that stood still for longer than a silent connection is kept go on")
    func stoppedForLong() throws {
        let cluster = try FaultCluster()
        let coordinator = try cluster.coordinator(minimumWorkers: 2)
        let workers = [try cluster.worker(), try cluster.worker()]
        try cluster.wait(coordinator, for: "step 20") { $0.count >= 20 }
        workers[0].send(SIGSTOP)
        Thread.sleep(forTimeInterval: 0.1)
        coordinator.send(SIGSTOP)
        // More than 20 s, in which the other worker sends more heartbeats than libzmq takes from one peer.
        Thread.sleep(forTimeInterval: 25)
        coordinator.send(SIGCONT)
        workers[0].send(SIGCONT)
        try cluster.wait(coordinator, for: "a step with both") { $0.count >= 40 && $0.last?.workers == 2 }
        try cluster.finish(coordinator, workers: workers)
        #expect(try cluster.run.eventCount("replay") == 0)
    }

    @Test(
        "an error of the disk ends the coordinator with status 74, and the run goes on once there is room",
        arguments: [
            "before-ledger:30:ENOSPC", "metrics:30:EIO", "checkpoint-files:2:ENOSPC",
            "checkpoint-manifest:2:ENOSPC",
        ])
    func diskError(fault: String) throws {
        let cluster = try FaultCluster()
        let first = try cluster.coordinator(minimumWorkers: 2, fault: fault)
        let workers = [try cluster.worker(), try cluster.worker()]
        let end = try first.wait(limit: 60)
        #expect(end.status == 74, "\(end)")
        #expect(end.errors.contains(cluster.path), "the file is named: \(end)")
        for worker in workers { _ = try worker.wait(limit: 20) }
        let second = try cluster.coordinator(resumes: true, minimumWorkers: 2)
        try cluster.finish(second, workers: [try cluster.worker(), try cluster.worker()])
    }

    @Test(
        "a disk that fills up ends the coordinator with status 74, and the run goes on once there is room",
        .enabled(if: geteuid() == 0, "mounting a small disk needs root"))
    func fullDisk() throws {
        let disk = try SmallDisk(megabytes: 8)
        let cluster = try FaultCluster(path: disk.path + "/run")
        let first = try cluster.coordinator()
        let worker = try cluster.worker()
        try cluster.wait(first, for: "step 25") { $0.count >= 25 }
        try disk.fill()
        let end = try first.wait(limit: 60)
        #expect(end.status == 74, "\(end)")
        #expect(end.errors.contains("space"), "\(end)")
        _ = try worker.wait(limit: 20)
        disk.empty()
        try cluster.finish(try cluster.coordinator(resumes: true), workers: [try cluster.worker()])
    }

    @Test("an old coordinator that wakes up after a new one has started is fenced off")
    func wakesUp() throws {
        let cluster = try FaultCluster()
        let old = try cluster.coordinator(minimumWorkers: 2, fault: "before-ledger:30:stop")
        let workers = [try cluster.worker(), try cluster.worker()]
        try #require(Shoal.eventually(within: 60) { old.isStopped }, "\(old.errors)")
        cluster.address = "tcp://127.0.0.1:\(try FreePort.find())"

        // As long as its lock holds, no other gets in.
        let refused = try cluster.coordinator(resumes: true).wait(limit: 30)
        #expect(refused.status == 69 && refused.errors.contains("\(old.identifier)"), "\(refused)")

        // Without it (removed by hand, or given away by a file server while the machine slept) the term fences.
        try FileManager.default.removeItem(atPath: cluster.path + "/lock")
        let new = try cluster.coordinator(resumes: true)
        let worker = try cluster.worker()
        try cluster.wait(new, for: "step 60") { $0.count >= 60 }
        old.send(SIGCONT)
        let end = try old.wait(limit: 30)
        #expect(end.status == 69 && end.errors.contains("another coordinator"), "\(end)")
        for worker in workers {
            worker.send(SIGTERM)
            _ = try worker.wait(limit: 20)
        }
        try cluster.finish(new, workers: [worker])
    }
}

/// A file system of a few megabytes that a test can fill up.
private final class SmallDisk {
    let path: String

    init(megabytes: Int) throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("shoal-disk-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard Self.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "shoal-test", path])
        else {
            throw Shoal.HarnessError(description: "cannot mount a small disk")
        }
    }

    deinit {
        _ = Self.run("/usr/bin/umount", ["-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Leaves no byte free.
    func fill() throws {
        let file = path + "/filler"
        try Data().write(to: URL(fileURLWithPath: file))
        let handle = try #require(FileHandle(forWritingAtPath: file))
        defer { try? handle.close() }
        var piece = Data(count: 1 << 20)
        while !piece.isEmpty {
            do { try handle.write(contentsOf: piece) } catch { piece.removeLast((piece.count + 1) / 2) }
        }
    }

    func empty() { try? FileManager.default.removeItem(atPath: path + "/filler") }

    private static func run(_ path: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
