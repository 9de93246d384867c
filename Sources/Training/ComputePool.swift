import Foundation

/// A fixed number of plain threads that each take one job at a time and own one scratch value.
///
/// Micro-batches are the unit of parallelism (each makes single-threaded BLAS calls), so the result of a step
/// does not depend on how many threads there are. Threads are plain, with large stacks, because a job blocks
/// its thread for seconds, which Swift's cooperative pool must not.
public final class ComputePool<Scratch>: Sendable {
    /// A job; it runs on one of the threads, with that thread's scratch.
    public typealias Job = @Sendable (Scratch) -> Void

    /// Number of threads.
    public let threadCount: Int
    private let queue: JobQueue<Scratch>

    /// Starts the threads. `makeScratch` runs once on each thread, so that its memory is first touched there.
    public init(threadCount: Int, name: String = "compute", makeScratch: @escaping @Sendable () -> Scratch) {
        precondition(threadCount > 0, "a compute pool of \(threadCount) threads")
        self.threadCount = threadCount
        let queue = JobQueue<Scratch>()
        self.queue = queue
        for index in 0..<threadCount {
            let thread = Thread {
                let scratch = makeScratch()
                while let job = queue.next() { job(scratch) }
            }
            thread.name = "\(name)-\(index)"
            thread.stackSize = 16 << 20
            thread.start()
        }
    }

    deinit { queue.close() }

    /// Queues a job behind those waiting.
    public func submit(_ job: @escaping Job) { queue.append(job) }

    /// Forgets the jobs that no thread has begun.
    public func cancelWaiting() { queue.removeAll() }

    /// Runs `body` on one of the threads and waits for it. Not to be called from a job.
    public func run<Result: Sendable>(_ body: @escaping @Sendable (Scratch) throws -> Result) throws -> Result
    {
        let slot = ResultSlot<Result>()
        submit { scratch in
            slot.fill(Swift.Result { try body(scratch) })
        }
        return try slot.wait().get()
    }

    /// Runs `body` for each index in 0..<count on the threads and returns the results in order; the first
    /// error (by index) is thrown once all have ended.
    public func map<Result: Sendable>(
        count: Int, _ body: @escaping @Sendable (Int, Scratch) throws -> Result
    ) throws -> [Result] {
        let slots = (0..<count).map { _ in ResultSlot<Result>() }
        for (index, slot) in slots.enumerated() {
            submit { scratch in slot.fill(Swift.Result { try body(index, scratch) }) }
        }
        let results = slots.map { $0.wait() }
        return try results.map { try $0.get() }
    }
}

/// Jobs waiting for a thread.
private final class JobQueue<Scratch>: @unchecked Sendable {
    // Safety: `jobs` and `isClosed` are touched only while `condition` is locked.
    private let condition = NSCondition()
    private var jobs: [ComputePool<Scratch>.Job] = []
    private var isClosed = false

    func append(_ job: @escaping ComputePool<Scratch>.Job) {
        condition.withLock {
            jobs.append(job)
            condition.signal()
        }
    }

    func removeAll() { condition.withLock { jobs.removeAll() } }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// The next job, waiting for one; nil once the queue is closed and empty.
    func next() -> ComputePool<Scratch>.Job? {
        condition.withLock {
            while jobs.isEmpty && !isClosed { condition.wait() }
            return jobs.isEmpty ? nil : jobs.removeFirst()
        }
    }
}

/// One result that one thread fills and another waits for.
private final class ResultSlot<Value: Sendable>: @unchecked Sendable {
    // Safety: `result` is touched only while `condition` is locked.
    private let condition = NSCondition()
    private var result: Result<Value, any Error>?

    func fill(_ value: Result<Value, any Error>) {
        condition.withLock {
            result = value
            condition.signal()
        }
    }

    func wait() -> Result<Value, any Error> {
        condition.withLock {
            while true {
                if let result { return result }
                condition.wait()
            }
        }
    }
}
