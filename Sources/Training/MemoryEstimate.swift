public import Configurations
import Layers
import Tensors
import Transformers

/// Bytes that the processes of a run come to hold: an estimate, for preflight and to refuse what cannot fit.
public struct MemoryEstimate: Sendable, Equatable {
    /// The base in Float32: mapped, so once per host however many workers run there.
    public let base: Int
    /// Activations and scratch of each compute thread, at the largest micro-batch.
    public let perThread: Int
    /// Parameters and the two moments.
    public let state: Int
    /// One gradient: each thread fills one, and ``heldGradients`` more are held.
    public let gradient: Int
    /// The gradient that is next in line, partial sums of the reduction tree that wait for their other half, the reduced
    /// gradient, and what is on its way to and from the others.
    public let heldGradients: Int
    /// The program itself.
    static let process = 32 << 20

    /// - Parameters:
    ///   - largestMicroBatch: tokens.
    ///   - mostMicroBatches: of a step.
    init(
        _ configuration: RunConfiguration, base: any ModelConfiguration, trainee: any Trainee,
        largestMicroBatch: Int, mostMicroBatches: Int
    ) {
        // Small micro-batches go through the layers together, up to so many tokens.
        let tokens = max(largestMicroBatch, trainee.model.takesSeveralBatches ? JobSize.mostTokens : 0)
        let extent = BatchExtent(
            tokenCount: tokens, supervisedCount: tokens,
            longestSequence: min(tokens, configuration.data.maxSequenceLength))
        // A tree of n leaves keeps at most one finished subtree of each height.
        let height = Int.bitWidth - max(0, mostMicroBatches - 1).leadingZeroBitCount
        self.base = 4 * base.parameterCount
        perThread = base.workspaceByteCount(for: extent, trained: trainee.parts)
        state = 3 * 4 * trainee.layout.count
        gradient = 4 * trainee.layout.count
        heldGradients = height + 3
    }

    /// Bytes of a worker of so many threads, without the base.
    public func worker(threads: Int) -> Int {
        Self.process + state + threads * (perThread + gradient) + heldGradients * gradient
    }

    /// Bytes of the coordinator, without the base: the state that came from a worker, and that of a checkpoint that is read
    /// back; in a star also the sums.
    public func coordinator(isStar: Bool) -> Int {
        Self.process + 2 * state + (isStar ? heldGradients * gradient : 0)
    }

    /// Throws when the coordinator alone does not fit, before it takes the memory.
    ///
    /// - Throws: ``TrainingError`` with code `.doesNotFit`.
    static func requireFitOfCoordinator(_ setup: RunSetup) throws(TrainingError) {
        let configuration = setup.configuration
        let estimate = MemoryEstimate(
            configuration, base: setup.base.configuration, trainee: setup.trainee,
            largestMicroBatch: configuration.training.maxTokensPerMicroBatch,
            mostMicroBatches: configuration.training.microBatches)
        try estimate.requireFit(
            [estimate.coordinator(isStar: configuration.cluster.collective == .star)],
            of: "the coordinator's state",
            method: configuration.method)
    }

    /// Throws when processes of so many bytes do not fit on this host together.
    ///
    /// - Parameters:
    ///   - needs: of each process, without the base.
    ///   - what: them, for the message: "a worker of 2 threads".
    /// - Throws: ``TrainingError`` with code `.doesNotFit` that says what is needed and what is there.
    public func requireFit(
        _ needs: [Int], of what: String, method: TrainingMethod, memory: Int = HostMemory.byteCount()
    ) throws(TrainingError) {
        let needed = needs.reduce(base, +)
        guard needed > memory else { return }
        func text(_ count: Int) -> String {
            let tenths = (count + 99_999_999) / 100_000_000
            return "\(tenths / 10).\(tenths % 10) GB"
        }
        throw TrainingError(
            .doesNotFit,
            "method: \(method.rawValue) does not fit: \(what) needs about \(text(needed)) with the base, this host has "
                + "\(text(memory)); take fewer workers or threads"
                + (method == .full ? ", method: partial or lora" : method == .partial ? ", method: lora" : "")
                + ", or shorter data.max_sequence_length and training.max_tokens_per_micro_batch")
    }
}
