import Collectives
import Coordination
import Dispatch
import FaultPoints
import Synchronization
import Tensors
import Training
import WireProtocol

/// The work between the compute threads and the I/O thread: hands micro-batches to the engine a few at a time, adds up
/// gradients, checks and makes chunks. It does one thing after the other, so that the I/O thread never computes.
final class ReductionQueue: @unchecked Sendable {
    // Safety: everything below `queue` is touched on `queue` only; `backlog` has a lock; the rest never changes.

    /// What the I/O thread is told.
    enum Output: Sendable {
        case send(Envelope, to: UInt32)
        case computed(LeafComputed, WorkTicket)
        case cancelled(WorkTicket)
        case reduced(Prepared, WorkTicket)
        case awaits([AwaitedChunks], WorkTicket)
        case released([UInt32], WorkTicket)
        case failed(any Error)
        /// A chunk that was dropped, and why.
        case dropped(String)
    }

    /// [parameterCount] the reduced gradient; to be read only between `.reduced` and the next reduction.
    let reducedGradient: Vector
    private let queue: DispatchQueue
    let engine: (any WorkerEngine)?
    let output: @Sendable (Output) -> Void
    private let backlog = Mutex(Backlog())
    private let maximumWaitingByteCount: Int

    /// Chunks on their way to the queue, and those that got no further.
    private struct Backlog {
        var waitingByteCount = 0
        /// Chunks that were too many, or no chunks of this gradient.
        var droppedHere: UInt64 = 0
        var droppedByReducer: UInt64 = 0
    }

    var reducer: Reducer
    var stepTicket: WorkTicket?
    var waiting: [(leaf: UInt32, frame: [UInt8], ticket: WorkTicket)] = []
    /// How many of them a thread takes in one job.
    var jobSize = JobSize()
    var running: Set<Computation> = []
    /// Running, but given up: their gradients are dropped.
    var dropped: Set<Computation> = []
    var runningJobCount = 0
    private var reduction: (header: Envelope.Header, ticket: WorkTicket)?
    var meter = ReductionMeter()
    /// Reduced gradients of steps that this process is to apply later, by step.
    private var keptGradients: [UInt64: Vector] = [:]

    struct Computation: Hashable {
        var leaf: UInt32
        var ticket: WorkTicket
    }

    /// - Parameters:
    ///   - engine: nil for the coordinator, which only adds.
    ///   - output: called on the queue; compute threads call it too.
    init(layout: ChunkLayout, engine: (any WorkerEngine)?, output: @escaping @Sendable (Output) -> Void) {
        reducer = Reducer(layout: layout)
        reducedGradient = reducer.reduced
        queue = DispatchQueue(label: "reduction", qos: .userInitiated)
        self.engine = engine
        self.output = output
        // Far above what the peers of a generation send: that is about two gradients.
        maximumWaitingByteCount = 16 * layout.parameterCount * 4 + 64 << 20
    }

    /// Runs `body` in turn, with no other work of the queue at the same time.
    func async(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    /// Forgets everything, for a state that may be of an earlier step.
    func reset() { queue.async { self.reducer.reset() } }

    func beginStep(leafCount: Int, ticket: WorkTicket) {
        queue.async { [self] in
            stepTicket = ticket
            meter = ReductionMeter()
            reducer.begin(leafCount: leafCount)
        }
    }

    /// Takes a micro-batch; ``startComputing()`` follows behind the last one of an assignment.
    func compute(leaf: UInt32, frame: [UInt8], ticket: WorkTicket) {
        queue.async { [self] in waiting.append((leaf, frame, ticket)) }
    }

    /// Begins with what was taken, a fair share of it for each thread.
    func startComputing() {
        queue.async { [self] in
            guard let engine else { return }
            jobSize = JobSize(
                tokenCount: waiting.reduce(0) { $0 + MicroBatchCoding.tokenCount(ofFrame: $1.frame) },
                threadCount: engine.threadCount, wanted: engine.groupTokenCount)
            startWaiting()
        }
    }

    /// Gives up those of `leaves` whose gradients are not part of a sum yet, and says which.
    func release(leaves: [UInt32], ticket: WorkTicket) {
        queue.async { [self] in
            guard ticket.session == stepTicket?.session, ticket.step == stepTicket?.step else { return }
            let released = Set(leaves.filter { !reducer.store.heldLeaves.contains(Int($0)) })
            for entry in waiting where released.contains(entry.leaf) { output(.cancelled(entry.ticket)) }
            waiting.removeAll { released.contains($0.leaf) }
            dropped.formUnion(running.filter { released.contains($0.leaf) })
            output(.released(released.sorted(), ticket))
        }
    }

    func cancelWork() {
        queue.async { [self] in
            for entry in waiting { output(.cancelled(entry.ticket)) }
            waiting.removeAll()
        }
    }

    /// Starts a reduction; `header` is that of the chunks it sends, its sender this participant.
    func beginReduction(plan: Plan, header: Envelope.Header, ticket: WorkTicket) {
        queue.async { [self] in
            reduction = (header, ticket)
            do {
                let attempt = Reducer.Attempt(
                    term: header.term, step: ticket.step, generation: ticket.generation)
                send(try reducer.start(plan: plan, participant: header.sender, attempt: attempt))
            } catch {
                output(.failed(error))
            }
        }
    }

    /// Says whose chunks the reduction of `ticket` waits for.
    func checkExchange(_ ticket: WorkTicket) {
        queue.async { [self] in
            guard reduction?.ticket == ticket, let awaited = reducer.awaited else { return }
            output(.awaits(awaited, ticket))
        }
    }

    func abandonReduction() {
        queue.async { [self] in
            reduction = nil
            reducer.abandon()
        }
    }

    /// Copies the reduced gradient, as that of `step`.
    func keepGradient(ofStep step: UInt64) {
        queue.async { [self] in keptGradients[step] = reducedGradient.copied() }
    }

    /// Hands out a gradient that was kept.
    func takeGradient(ofStep step: UInt64, _ body: @escaping @Sendable (Vector) -> Void) {
        queue.async { [self] in
            if let gradient = keptGradients.removeValue(forKey: step) { body(gradient) }
        }
    }

    func dropGradients(ofSteps steps: [UInt64]) {
        queue.async { [self] in for step in steps { keptGradients[step] = nil } }
    }

    /// Takes a chunk that a peer sent, with its payload as received.
    func receive(_ chunk: GradientChunk, isReduced: Bool, header: Envelope.Header, payload: [UInt8]) {
        let isTaken = backlog.withLock { backlog in
            guard backlog.waitingByteCount + payload.count <= maximumWaitingByteCount else { return false }
            backlog.waitingByteCount += payload.count
            return true
        }
        guard isTaken else { return drop("chunks come faster than they can be added") }
        queue.async { [self] in
            defer {
                backlog.withLock { backlog in
                    backlog.waitingByteCount -= payload.count
                    backlog.droppedByReducer = reducer.droppedChunkCount
                }
            }
            guard payload.count == Int(chunk.elementCount) * 4,
                Int(chunk.elementCount) <= reducer.layout.chunkElementCount
            else { return drop("a chunk of \(payload.count) bytes from participant \(header.sender)") }
            meter.received(byteCount: payload.count)
            do {
                let elements = Vector(zeros: Int(chunk.elementCount))
                try VectorPayload.read(payload, checksum: chunk.checksum, into: elements)
                send(
                    try reducer.receive(
                        Reducer.Incoming(
                            sender: header.sender,
                            attempt: .init(
                                term: header.term, step: header.step, generation: header.generation),
                            isReduced: isReduced, chunk: chunk, elements: elements)))
            } catch {
                drop("\(error)")
            }
        }
    }

    private func drop(_ reason: String) {
        backlog.withLock { $0.droppedHere += 1 }
        output(.dropped(reason))
    }

    /// Chunks that were not used so far: late, twice, too many, or not in the plan; from any thread.
    var droppedChunkCount: UInt64 { backlog.withLock { $0.droppedHere + $0.droppedByReducer } }

    /// Sends chunks, and reports the reduced gradient once it is whole.
    func send(_ outgoing: [ReductionSession.Outgoing]) {
        guard let reduction else { return }
        var finished: (chunk: Int, bytes: [UInt8], checksum: UInt32)?
        for message in outgoing {
            let (bytes, checksum): ([UInt8], UInt32)
            if message.isReduced, let finished, finished.chunk == message.chunk {
                // The same for every peer.
                (bytes, checksum) = (finished.bytes, finished.checksum)
            } else {
                (bytes, checksum) = VectorPayload.encode(message.elements)
                if message.isReduced { finished = (message.chunk, bytes, checksum) }
            }
            let chunk = GradientChunk(
                nodeLevel: UInt32(message.node.level), nodeIndex: UInt32(message.node.index),
                chunk: UInt32(message.chunk), elementCount: UInt32(message.elements.count), checksum: checksum
            )
            meter.sent(byteCount: bytes.count)
            let body = message.isReduced ? Envelope.Body.reduced(chunk) : .partial(chunk)
            (message.isReduced ? FaultPoint.allGather : .reduceScatter).pass()
            output(
                .send(Envelope(header: reduction.header, body: body, payload: [bytes]), to: message.peer))
        }
        guard let digest = reducer.gradientDigest, meter.reports(reduction.ticket) else { return }
        FaultPoint.prepared.pass()
        output(.reduced(meter.prepared(gradientDigest: digest), reduction.ticket))
    }
}
