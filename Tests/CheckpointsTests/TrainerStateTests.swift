import Checkpoints
import Testing

@Suite("Trainer state")
struct TrainerStateTests {
    @Test("the best loss is remembered and patience counts evaluations without improvement")
    func patience() {
        var state = TinyRun().trainerState(step: 0)
        let losses: [Double] = [2, 1, 1, .nan, 0.5, 0.6, 0.7, 0.8]
        var best: [Bool] = []
        for (index, loss) in losses.enumerated() {
            #expect(!state.stoppedEarly)
            best.append(state.recordEvaluation(loss: loss, step: index + 1, patience: 3))
        }
        #expect(best == [true, true, false, false, true, false, false, false])
        #expect(state.bestLoss == 0.5)
        #expect(state.bestStep == 5)
        #expect(state.lastEvaluatedStep == 8)
        #expect(state.stoppedEarly)
    }

    @Test("without patience training never stops early")
    func noPatience() {
        var state = TinyRun().trainerState(step: 0)
        for step in 1...100 { _ = state.recordEvaluation(loss: .infinity, step: step, patience: nil) }
        #expect(!state.stoppedEarly)
        #expect(state.bestStep == nil)
    }
}
