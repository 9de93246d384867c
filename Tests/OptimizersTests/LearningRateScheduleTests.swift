import Foundation
import Optimizers
import Testing

private struct ScheduleGolden: Decodable {
    let kind: LearningRateSchedule.Kind
    let total: Int
    let warmupRatio: Double
    let peak: Double
    let rates: [Double]
}

@Suite("Learning-rate schedule")
struct LearningRateScheduleTests {
    @Test("every rate equals transformers'")
    func ratesEqualTransformers() throws {
        let cases = try fixture("optimizers/schedules.json", as: [ScheduleGolden].self)
        #expect(cases.count == 15)
        for golden in cases {
            let schedule = try LearningRateSchedule(
                kind: golden.kind, peakLearningRate: golden.peak, warmupRatio: golden.warmupRatio,
                totalStepCount: golden.total)
            for (index, expected) in golden.rates.enumerated() {
                let rate = schedule.learningRate(atStep: index + 1)
                #expect(
                    abs(rate - expected) <= 1e-15 * golden.peak,
                    "\(golden.kind) \(golden.total) \(golden.warmupRatio) step \(index + 1): \(rate), \(expected)"
                )
            }
        }
    }

    @Test("a cosine without the mathematics library is the cosine")
    func cosineIsAccurate() throws {
        let total = 20_000
        let schedule = try LearningRateSchedule(
            kind: .cosine, peakLearningRate: 2, warmupRatio: 0, totalStepCount: total)
        for step in 1...total {
            let exact = 1 + cos(Double.pi * (Double(step - 1) / Double(total)))
            #expect(abs(schedule.learningRate(atStep: step) - exact) <= 8e-16)
        }
        #expect(schedule.learningRate(atStep: total + 1) == 0)
        #expect(schedule.learningRate(atStep: total + 500) == 0)
    }

    @Test("knobs outside their range are refused by the name of their key")
    func badKnobsAreRefused() {
        let refusal = #expect(throws: OptimizerError.self) {
            try LearningRateSchedule(kind: .linear, peakLearningRate: 1, warmupRatio: 1.5, totalStepCount: 3)
        }
        #expect(refusal?.context == "training.warmup_ratio")
        let secondRefusal = #expect(throws: OptimizerError.self) {
            try LearningRateSchedule(
                kind: .linear, peakLearningRate: -.nan, warmupRatio: 0, totalStepCount: 3)
        }
        #expect(secondRefusal?.context == "training.learning_rate")
    }
}
