public import Telemetry

/// Loss against steps, time and bytes.
public struct LossCurve: Sendable, Equatable, Codable {
    /// Mean loss of a supervised token in each step.
    public var loss: [Double]
    /// Wall time since the start, after each step.
    public var seconds: [Double]
    /// Bytes that all workers have sent, after each step.
    public var bytesSent: [Double]

    public init(_ records: [StepRecord]) {
        loss = records.map(\.loss)
        seconds = Self.sums(records.map(\.stepSeconds))
        bytesSent = Self.sums(records.map { Double($0.wireBytesSent) })
    }

    /// The same losses, had every step taken so long and sent so much.
    public func timed(secondsPerStep: Double, bytesPerStep: Double) -> LossCurve {
        var curve = self
        curve.seconds = loss.indices.map { Double($0 + 1) * secondsPerStep }
        curve.bytesSent = loss.indices.map { Double($0 + 1) * bytesPerStep }
        return curve
    }

    /// Each loss as the mean of it and those before it within a fifteenth of the run: steps differ in their rows.
    public var smoothedLoss: [Double] {
        let window = max(1, loss.count / 15)
        return loss.indices.map { index in
            let part = loss[max(0, index - window + 1)...index].filter(\.isFinite)
            return part.isEmpty ? .nan : part.reduce(0, +) / Double(part.count)
        }
    }

    private static func sums(_ values: [Double]) -> [Double] {
        var sum = 0.0
        return values.map { value in
            sum += value
            return sum
        }
    }
}
