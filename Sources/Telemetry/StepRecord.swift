/// A line of `metrics.jsonl`: what one optimizer step was and cost. Written once the step is applied.
public struct StepRecord: Sendable, Equatable, StepLine {
    /// The optimizer step, from 1.
    public var step: Int
    /// Epochs behind it once it is done, e.g. 0.25.
    public var epoch: Double
    /// Mean loss of a supervised token of the global batch, in nats; not a number where it was not finite.
    public var loss: Double
    /// Norm of the normalised gradient before clipping; not a number where the step was skipped.
    public var gradientNorm: Double
    /// Learning rate of the step.
    public var learningRate: Double
    /// Tokens of the global batch, each counted once: no padding, no repeats.
    public var tokenCount: Int
    /// Tokens with a loss.
    public var supervisedTokenCount: Int
    /// Tokens a second of all workers together: `tokenCount` ÷ `stepSeconds`.
    public var tokensPerSecond: Double
    /// Wall time from one commit to the next.
    public var stepSeconds: Double
    /// Largest of the workers' compute times.
    public var computeSeconds: Double
    /// Largest of the workers' times in the reduction.
    public var reduceSeconds: Double
    /// The part of it in which no compute thread had work.
    public var exposedReduceSeconds: Double
    /// Bytes all workers sent.
    public var wireBytesSent: UInt64
    /// Bytes all workers received.
    public var wireBytesReceived: UInt64
    /// Workers that took part.
    public var workerCount: Int
    /// The attempt that was committed.
    public var generation: UInt64
    /// Peak resident memory of the largest worker.
    public var peakResidentBytes: UInt64
    /// Hexadecimal digest of the reduced gradient.
    public var gradientDigest: String
    /// Messages that coordinator and present workers have dropped since they started.
    public var messagesDropped: UInt64
    /// Connections they have turned away.
    public var connectionsRefused: UInt64

    public init(
        step: Int, epoch: Double, loss: Double, gradientNorm: Double, learningRate: Double, tokenCount: Int,
        supervisedTokenCount: Int, tokensPerSecond: Double, stepSeconds: Double, computeSeconds: Double,
        reduceSeconds: Double, exposedReduceSeconds: Double, wireBytesSent: UInt64, wireBytesReceived: UInt64,
        workerCount: Int, generation: UInt64, peakResidentBytes: UInt64, gradientDigest: String,
        messagesDropped: UInt64 = 0, connectionsRefused: UInt64 = 0
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.gradientNorm = gradientNorm
        self.learningRate = learningRate
        self.tokenCount = tokenCount
        self.supervisedTokenCount = supervisedTokenCount
        self.tokensPerSecond = tokensPerSecond
        self.stepSeconds = stepSeconds
        self.computeSeconds = computeSeconds
        self.reduceSeconds = reduceSeconds
        self.exposedReduceSeconds = exposedReduceSeconds
        self.wireBytesSent = wireBytesSent
        self.wireBytesReceived = wireBytesReceived
        self.workerCount = workerCount
        self.generation = generation
        self.peakResidentBytes = peakResidentBytes
        self.gradientDigest = gradientDigest
        self.messagesDropped = messagesDropped
        self.connectionsRefused = connectionsRefused
    }

    public var jsonLine: String {
        var line = JSONLine()
        line.add("step", step)
        line.add("epoch", epoch)
        line.add("loss", loss)
        line.add("grad_norm", gradientNorm)
        line.add("learning_rate", learningRate)
        line.add("tokens", tokenCount)
        line.add("supervised_tokens", supervisedTokenCount)
        line.add("tokens_per_second", tokensPerSecond)
        line.add("step_seconds", stepSeconds)
        line.add("compute_seconds", computeSeconds)
        line.add("reduce_seconds", reduceSeconds)
        line.add("exposed_reduce_seconds", exposedReduceSeconds)
        line.add("wire_bytes_sent", wireBytesSent)
        line.add("wire_bytes_received", wireBytesReceived)
        line.add("workers", workerCount)
        line.add("generation", generation)
        line.add("peak_rss_bytes", peakResidentBytes)
        line.add("gradient_digest", gradientDigest)
        line.add("messages_dropped", messagesDropped)
        line.add("connections_refused", connectionsRefused)
        return line.text
    }
}

extension StepRecord: Decodable {
    private enum CodingKeys: String, CodingKey {
        case step, epoch, loss, generation
        case gradientNorm = "grad_norm"
        case learningRate = "learning_rate"
        case tokenCount = "tokens"
        case supervisedTokenCount = "supervised_tokens"
        case tokensPerSecond = "tokens_per_second"
        case stepSeconds = "step_seconds"
        case computeSeconds = "compute_seconds"
        case reduceSeconds = "reduce_seconds"
        case exposedReduceSeconds = "exposed_reduce_seconds"
        case wireBytesSent = "wire_bytes_sent"
        case wireBytesReceived = "wire_bytes_received"
        case workerCount = "workers"
        case peakResidentBytes = "peak_rss_bytes"
        case gradientDigest = "gradient_digest"
        case messagesDropped = "messages_dropped"
        case connectionsRefused = "connections_refused"
    }

    /// Reads a line; null stands for a number that was not finite.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func real(_ key: CodingKeys) throws -> Double {
            try container.decodeNil(forKey: key) ? .nan : container.decode(Double.self, forKey: key)
        }
        step = try container.decode(Int.self, forKey: .step)
        epoch = try real(.epoch)
        loss = try real(.loss)
        gradientNorm = try real(.gradientNorm)
        learningRate = try real(.learningRate)
        tokenCount = try container.decode(Int.self, forKey: .tokenCount)
        supervisedTokenCount = try container.decode(Int.self, forKey: .supervisedTokenCount)
        tokensPerSecond = try real(.tokensPerSecond)
        stepSeconds = try real(.stepSeconds)
        computeSeconds = try real(.computeSeconds)
        reduceSeconds = try real(.reduceSeconds)
        exposedReduceSeconds = try real(.exposedReduceSeconds)
        wireBytesSent = try container.decode(UInt64.self, forKey: .wireBytesSent)
        wireBytesReceived = try container.decode(UInt64.self, forKey: .wireBytesReceived)
        workerCount = try container.decode(Int.self, forKey: .workerCount)
        generation = try container.decode(UInt64.self, forKey: .generation)
        peakResidentBytes = try container.decode(UInt64.self, forKey: .peakResidentBytes)
        gradientDigest = try container.decode(String.self, forKey: .gradientDigest)
        // Lines written before these were counted lack them.
        messagesDropped = try container.decodeIfPresent(UInt64.self, forKey: .messagesDropped) ?? 0
        connectionsRefused = try container.decodeIfPresent(UInt64.self, forKey: .connectionsRefused) ?? 0
    }
}
