import Collectives
import Coordination
import FaultPoints
import Tensors
import Training
import WireProtocol

/// Hands micro-batches to the engine's threads, a few together, and takes their gradients.
extension ReductionQueue {
    /// Micro-batches that a thread computes together.
    private struct Job {
        var leaves: [UInt32] = []
        var batches: [MicroBatch] = []
        var ticket: WorkTicket
    }

    /// One job more than the engine has threads, so that none waits for this queue.
    func startWaiting() {
        guard let engine else { return }
        while runningJobCount <= engine.threadCount, !waiting.isEmpty {
            let job: Job
            do {
                job = try takeJob(engine)
            } catch {
                output(.failed(error))
                continue
            }
            let gradients = job.leaves.map { _ in reducer.takeBuffer() }
            for leaf in job.leaves { running.insert(Computation(leaf: leaf, ticket: job.ticket)) }
            runningJobCount += 1
            meter.beganComputing()
            engine.submitGradients(of: job.batches, step: job.ticket.step, into: gradients) { [self] result in
                didCompute(result, job, gradients)
            }
        }
    }

    /// The next micro-batch, and as many behind it as go together with it.
    private func takeJob(_ engine: any WorkerEngine) throws -> Job {
        var job = Job(ticket: waiting[0].ticket)
        var tokenCount = 0
        while let next = waiting.first, next.ticket == job.ticket {
            let batch: MicroBatch
            do {
                batch = try MicroBatchCoding.decode(next.frame, vocabularyCount: engine.vocabularyCount)
            } catch {
                if !job.leaves.isEmpty { return job }
                waiting.removeFirst()
                output(.cancelled(next.ticket))
                throw error
            }
            guard job.leaves.isEmpty || jobSize.admits(batch.tokenCount, behind: tokenCount) else {
                return job
            }
            tokenCount += batch.tokenCount
            waiting.removeFirst()
            job.leaves.append(next.leaf)
            job.batches.append(batch)
        }
        return job
    }

    /// On a compute thread. The report goes out before the gradient counts, so before anything it completes.
    private func didCompute(
        _ result: Result<[GradientOutcome], any Error>, _ job: Job, _ gradients: [Vector]
    ) {
        switch result {
        case .success(let outcomes):
            for (leaf, outcome) in zip(job.leaves, outcomes) {
                FaultPoint.compute.pass()
                output(
                    .computed(
                        LeafComputed(
                            leaf: leaf, lossSum: outcome.lossSum, tokenCount: outcome.tokenCount,
                            seconds: outcome.seconds, isFinite: outcome.isFinite), job.ticket))
            }
        case .failure(let error):
            for _ in job.leaves { output(.cancelled(job.ticket)) }
            output(.failed(error))
        }
        async { [self] in
            runningJobCount -= 1
            startWaiting()
            let isOfThisStep: Bool
            if case .success = result {
                isOfThisStep =
                    job.ticket.session == stepTicket?.session && job.ticket.step == stepTicket?.step
            } else {
                isOfThisStep = false
            }
            for leaf in job.leaves { running.remove(Computation(leaf: leaf, ticket: job.ticket)) }
            if isOfThisStep, running.isEmpty { meter.endedComputing() }
            for (leaf, gradient) in zip(job.leaves, gradients) {
                let isDropped = dropped.remove(Computation(leaf: leaf, ticket: job.ticket)) != nil
                if isOfThisStep, !isDropped {
                    send(reducer.insert(gradient, leaf: Int(leaf)))
                } else {
                    reducer.returnBuffer(gradient)
                }
            }
        }
    }
}
