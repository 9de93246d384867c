import Comparison
import Configurations
import Foundation
import Lab
import Telemetry

/// A report of made-up figures that are easy to compute with.
enum SampleReport {
    /// A step: 1 s of compute, `exposed` of waiting, 0.1 s of the rest, 1,000 tokens.
    static func record(
        _ step: Int, loss: Double = 1, workers: Int = 2, exposed: Double = 0.05, bytes: UInt64 = 8_000_000
    ) -> StepRecord {
        let seconds = 1 + exposed + 0.1
        return StepRecord(
            step: step, epoch: 0, loss: loss, gradientNorm: 1, learningRate: 1e-3, tokenCount: 1000,
            supervisedTokenCount: 100, tokensPerSecond: 1000 / seconds, stepSeconds: seconds,
            computeSeconds: 1, reduceSeconds: exposed, exposedReduceSeconds: exposed,
            wireBytesSent: bytes * UInt64(workers), wireBytesReceived: bytes * UInt64(workers),
            workerCount: workers, generation: 1, peakResidentBytes: 1 << 30, gradientDigest: "00\(step)")
    }

    static func steps(workers: Int = 2, exposed: Double = 0.05, bytes: UInt64 = 8_000_000) throws
        -> StepFigures
    {
        let records = (1...9).map { record($0, workers: workers, exposed: exposed, bytes: bytes) }
        guard let figures = StepFigures(records, microBatches: Array(repeating: 8, count: 9)) else {
            throw ComparisonError(.badData, "no steps")
        }
        return figures
    }

    static func heldOut(_ loss: Double) throws -> Quality {
        let text = """
            {"rows":10,"supervised_tokens":20,"loss":\(loss),"perplexity":2,"choice_accuracy":0.9,"exact_match":0.8}
            """
        return try ComparisonJSON.decode(Quality.self, from: Data(text.utf8))
    }

    static func trial(_ rate: Double, loss: Double, parameters: Int, bytes: UInt64) throws
        -> VariantResult.Trial
    {
        let stored = """
            {"trained_parameters":\(parameters),"optimizer_bytes":\(8 * parameters),"checkpoint_bytes":\(12 * parameters)}
            """
        return VariantResult.Trial(
            learningRate: rate, heldOut: try heldOut(loss), general: try heldOut(3),
            stored: try ComparisonJSON.decode(StoredFigures.self, from: Data(stored.utf8)),
            steps: try steps(bytes: bytes),
            curve: LossCurve((1...9).map { record($0, loss: 5 - Double($0) / 4, bytes: bytes) }),
            joulesPerStep: nil)
    }

    /// LoRA and full fine-tuning, and partial that did not fit.
    static func make() throws -> ComparisonReport {
        let variants = try Variant.all(methods: [.lora, .partial, .full], vary: [])
        let links = [LinkRate.unlimited, try LinkRate("1gbit")]
        var lora = VariantResult(variant: variants[0], base: "base", threadCount: 1)
        lora.trials = [
            try trial(1e-4, loss: 0.5, parameters: 2_000_000, bytes: 8_000_000),
            try trial(3e-4, loss: 0.3, parameters: 2_000_000, bytes: 8_000_000),
            try trial(1e-3, loss: 0.4, parameters: 2_000_000, bytes: 8_000_000),
        ]
        lora.measurements = [
            .init(link: links[0], steps: try steps(exposed: 0.02), hasSameGradients: true),
            .init(link: links[1], steps: try steps(exposed: 0.07), hasSameGradients: true),
        ]
        var partial = VariantResult(variant: variants[1], base: "base", threadCount: 1)
        partial.failure = "needs 40 GB of memory, <here> are 24 GB & no more"
        var full = VariantResult(variant: variants[2], base: "base", threadCount: 1)
        full.trials = [try trial(1e-5, loss: 0.35, parameters: 100_000_000, bytes: 400_000_000)]
        full.measurements = [
            .init(
                link: links[0], steps: try steps(exposed: 1, bytes: 400_000_000), hasSameGradients: true),
            .init(
                link: links[1], steps: try steps(exposed: 4, bytes: 400_000_000), hasSameGradients: true),
        ]
        return ComparisonReport(
            date: "2026-11-25", shoal: "shoal test",
            machine: .init(processor: "A & B <processor>", processors: 2, memoryBytes: 24_000_000_000),
            subject: .init(base: "base", train: ["/home/someone/rows.jsonl"], steps: 9, batchSize: 16),
            settings: ComparisonSettings(
                variants: variants,
                learningRates: try LearningRates(
                    [], methods: [.lora, .partial, .full], configuration: RunConfiguration(base: "base")),
                workerCounts: [2], threadCount: 1, links: links, measuredSteps: 9,
                generalText: "general.jsonl"),
            bases: [.init(base: "base", heldOut: try heldOut(6), general: try heldOut(2.9))],
            variants: [lora, partial, full])
    }
}
