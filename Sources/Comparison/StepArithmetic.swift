import Foundation
public import Lab

/// A step on a cluster that was not measured.
public struct ComputedStep: Sendable, Equatable, Codable {
    /// The variant's name.
    public var variant: String
    /// Workers, each on a machine of its own like this one.
    public var workers: Int
    public var link: LinkRate
    public var stepSeconds: Double
    public var tokensPerSecond: Double
}

/// What arithmetic says of a cluster that was measured, beside what was measured.
public struct ArithmeticCheck: Sendable, Equatable, Codable {
    /// The variant's name.
    public var variant: String
    public var workers: Int
    public var link: LinkRate
    public var computedSeconds: Double
    public var measuredSeconds: Double

    /// Computed over measured, minus 1.
    public var difference: Double { computedSeconds / measuredSeconds - 1 }
}

/// How long a step takes on other clusters, from the measured times of its parts.
///
/// A step is compute + exchange + the rest. Compute is the measured work, shared out in whole micro-batches. The rest
/// (optimizer, digest, messages) is the same for every worker. The exchange is the longer of two times, since the wire
/// works while processors do: what the wire takes for 2·(n−1)/n of the gradient each way, and what the workers need
/// to encrypt, check and add that many bytes, as measured without a limit. What overlaps with compute is not counted.
struct StepArithmetic {
    /// Share of an Ethernet link that is left for data: packets of 1,500 bytes hold 1,448 of it, and take 1,538.
    static let wireShare = 1448.0 / 1538.0
    static let workerCounts = [1, 2, 4, 8, 16, 32, 64]
    static let links = ["100mbit", "1gbit", "10gbit"]

    private let name: String
    private let gradientBytes: Double
    private let tokens: Double
    /// Processor seconds that one micro-batch takes.
    private let batchSeconds: Double
    private let microBatches: Int
    private let threads: Int
    private let otherSeconds: Double
    /// Processor time that a byte each way takes.
    private let secondsPerByte: Double
    private let measurements: [VariantResult.Measurement]
    private let processors: Int

    /// - Returns: nil for a variant that was not measured.
    init?(_ result: VariantResult, processors: Int) {
        guard let best = result.best else { return nil }
        // In a lab everything goes through TCP and CURVE, as between machines; a run on one machine does not.
        let unlimited = result.measurements.first { $0.link == .unlimited }?.steps ?? best.steps
        let threads = max(1, result.threadCount)
        name = result.variant.name
        gradientBytes = 4 * Double(best.stored.trainedParameters)
        tokens = unlimited.tokensPerSecond * unlimited.stepSeconds
        self.threads = threads
        self.processors = processors
        self.measurements = result.measurements
        microBatches = max(1, unlimited.microBatches)
        let crowd = Self.crowd(workers: unlimited.workers, threads: threads, processors: processors)
        let rounds = Self.rounds(microBatches, workers: unlimited.workers, threads: threads)
        batchSeconds = unlimited.computeSeconds / Double(rounds) / crowd
        let singles = Self.crowd(workers: unlimited.workers, threads: 1, processors: processors)
        otherSeconds = unlimited.otherSeconds / singles
        let bytes = unlimited.bytesSentPerWorker
        secondsPerByte = bytes > 0 ? unlimited.exposedSeconds / singles / bytes : 0
    }

    /// How much longer things take when so many threads share the processors here.
    private static func crowd(workers: Int, threads: Int, processors: Int) -> Double {
        max(1, Double(workers * threads) / Double(max(1, processors)))
    }

    /// Micro-batches that the busiest thread does one after the other.
    private static func rounds(_ microBatches: Int, workers: Int, threads: Int) -> Int {
        (microBatches + workers * threads - 1) / (workers * threads)
    }

    private func bytes(workers: Int) -> Double {
        2 * Double(workers - 1) / Double(workers) * gradientBytes
    }

    private func wireSeconds(_ bytes: Double, _ link: LinkRate) -> Double {
        link.bitsPerSecond.map { bytes * 8 / ($0 * Self.wireShare) } ?? 0
    }

    /// Machines of their own: nothing is shared.
    private func seconds(workers: Int, link: LinkRate) -> Double {
        let compute = batchSeconds * Double(Self.rounds(microBatches, workers: workers, threads: threads))
        let bytes = bytes(workers: workers)
        return compute + max(wireSeconds(bytes, link), secondsPerByte * bytes) + otherSeconds
    }

    /// Clusters of machines like this one.
    var table: [ComputedStep] {
        Self.links.flatMap { text -> [ComputedStep] in
            guard let link = try? LinkRate(text) else { return [] }
            return Self.workerCounts.map { workers in
                let seconds = seconds(workers: workers, link: link)
                return ComputedStep(
                    variant: name, workers: workers, link: link, stepSeconds: seconds,
                    tokensPerSecond: tokens / seconds)
            }
        }
    }

    /// Each limited link that was measured: the measured parts of the unlimited one with as many workers, and the wire
    /// computed.
    var checks: [ArithmeticCheck] {
        measurements.compactMap { measured in
            let workers = measured.steps.workers
            guard measured.link != .unlimited,
                let free = measurements.first(where: { $0.link == .unlimited && $0.steps.workers == workers })
            else { return nil }
            let wire = wireSeconds(bytes(workers: workers), measured.link)
            return ArithmeticCheck(
                variant: name, workers: workers, link: measured.link,
                computedSeconds: free.steps.computeSeconds + max(wire, free.steps.exposedSeconds)
                    + free.steps.otherSeconds,
                measuredSeconds: measured.steps.stepSeconds)
        }
    }
}
