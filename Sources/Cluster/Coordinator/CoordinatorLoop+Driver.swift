import Coordination
import Dispatch
import FaultPoints
import Tensors
import Training
import Transports
import WireProtocol

extension CoordinatorLoop {
    /// Runs `body` on the driver's queue and hands what it returns to `then` on the I/O thread; an error ends the run.
    func onDriver<Value: Sendable>(
        _ body: @escaping @Sendable (any RunDriver) throws -> Value,
        then: @escaping @Sendable (CoordinatorLoop, Value) -> Void
    ) {
        let bound = bound
        let loop = io.loop
        let status = settings.statusOfError
        driverQueue.async { [driver] in
            let result = Result { try body(driver) }
            loop.post { io in
                switch result {
                case .success(let value): then(bound(io), value)
                case .failure(let error):
                    bound(io).handle(.driverFailed(code: status(error), message: "\(error)"))
                }
            }
        }
    }

    func prepareWork(step: UInt64) {
        // In turn with the one being made ahead, which may be just this.
        onDriver({ _ in }) { loop, _ in
            if loop.work[step] != nil { return loop.useWork(step: step) }
            loop.onDriver({ try $0.work(forStep: step) }) { loop, work in
                guard let work else { return loop.handle(.workPrepared(nil)) }
                loop.work[step] = work
                loop.useWork(step: step)
            }
        }
    }

    /// Starts the step, and has the driver make the next one while workers compute.
    private func useWork(step: UInt64) {
        guard let work = work[step] else { return }
        self.work = [step: work]
        handle(
            .workPrepared(
                StepRequest(
                    step: step, leafCount: work.microBatches.count,
                    supervisedTokenCount: work.supervisedTokenCount, tokenCount: work.tokenCount,
                    learningRate: work.learningRate,
                    biasCorrection1: work.biasCorrection1, biasCorrection2: work.biasCorrection2,
                    examplesOfLeaf: work.microBatches.map { batch in
                        batch.sequences.reduce(into: []) { ids, sequence in
                            if ids.last != sequence.exampleID { ids.append(sequence.exampleID) }
                        }
                    }, digestsState: work.digestsState)))
        // An error is met again, and reported, when the step is due.
        onDriver({ try? $0.work(forStep: step + 1) }) { loop, next in
            if loop.work[step] != nil { loop.work[step + 1] = next }
        }
    }

    func append(_ record: LedgerRecord) {
        guard let work = work[record.step] else { return }
        let commit = CommitRecord(
            step: record.step, generation: record.generation, leafWorkers: record.leafWorkers,
            gradientDigest: record.gradientDigest, stateDigestBefore: record.stateDigestBefore,
            lossSum: record.lossSum, wasSkipped: record.wasSkipped)
        onDriver({ try $0.willCommit(commit, work: work) }) { loop, _ in
            loop.handle(.ledgerWritten(step: record.step))
            FaultPoint.afterCommitSent.pass()
        }
    }

    func finishStep(_ result: StepResult) {
        guard let work = work[result.step] else { return }
        // Of the step before: nothing is sent or saved of it any more.
        held = nil
        let drops = drops
        let outcome = StepOutcome(
            step: result.step, generation: result.generation, lossSum: result.lossSum,
            supervisedTokenCount: result.supervisedTokenCount, gradientNorm: result.gradientNorm,
            gradientDigest: result.gradientDigest, stateDigest: result.stateDigest,
            stepSeconds: result.duration.inSeconds,
            computeSeconds: result.prepared.map(\.computeSeconds).max() ?? 0,
            reduceSeconds: result.prepared.map(\.reduceSeconds).max() ?? 0,
            exposedReduceSeconds: result.prepared.map(\.exposedReduceSeconds).max() ?? 0,
            wireBytesSent: result.prepared.reduce(0) { $0 &+ $1.bytesSent },
            wireBytesReceived: result.prepared.reduce(0) { $0 &+ $1.bytesReceived },
            peakResidentBytes: result.prepared.map(\.peakResidentBytes).max() ?? 0,
            workerCount: result.prepared.count, wasSkipped: result.wasSkipped,
            messagesDropped: result.prepared.reduce(drops.messages) { $0 &+ $1.messagesDropped },
            connectionsRefused: result.prepared.reduce(drops.connections) { $0 &+ $1.connectionsRefused },
            remarks: result.remarks)
        onDriver({ try $0.didFinishStep(outcome, work: work) }) { loop, next in
            loop.handle(.decided(Agenda(next)))
        }
    }

    func prepareEvaluation() {
        onDriver({ try $0.evaluationWork() }) { loop, batches in
            loop.evaluation = batches
            loop.handle(.evaluationPrepared(leafCount: batches.count))
        }
    }

    func finishEvaluation(step: UInt64, scores: [[Evaluated.Score]]) {
        evaluation = []
        onDriver({ try $0.didEvaluate(step: step, scores: scores) }) { loop, next in
            loop.handle(.decided(Agenda(next)))
        }
    }

    func loadState() {
        onDriver({ driver in
            let snapshot = try driver.initialState()
            return (snapshot, snapshot.digest)
        }) { loop, state in
            loop.held = (snapshot: state.0, digest: state.1)
            loop.handle(.stateLoaded(step: state.0.step, digest: state.1))
        }
    }

    func resume(step: UInt64, digest: [UInt8], gradientNorm: Double) {
        onDriver({ try $0.resume(atStep: step, stateDigest: digest, gradientNorm: gradientNorm) }) {
            loop, next in
            loop.handle(.resumed(step: step, next.map { Agenda($0) }))
        }
    }

    func saveCheckpoint(step: UInt64) {
        guard let snapshot = held?.snapshot, snapshot.step == step else {
            return handle(.driverFailed(code: 70, message: "the state of step \(step) is not held"))
        }
        onDriver({ try $0.saveCheckpoint(snapshot) }) { loop, _ in loop.handle(.checkpointSaved(step: step)) }
    }
}

extension Agenda {
    init(_ next: AfterStep) {
        self.init(
            evaluate: next.evaluate, checkpoint: next.checkpoint, waits: next.waits, finish: next.finish)
    }
}
