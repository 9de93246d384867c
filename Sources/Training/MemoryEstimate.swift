public import Configurations
import Layers
import Tensors
import Transformers

/// Bytes that the processes of a run come to hold: an estimate, for preflight and to refuse what cannot fit.
public struct MemoryEstimate: Sendable, Equatable {
    /// The base in Float32: mapped, so once per host however many workers run there.
    public let base: Int
    /// Activations and scratch of each compute thread, at the largest micro-batch: all kept, and blocks computed once more.
    private let keeping: Int
    private let recomputing: Int
    private let checkpointing: ActivationCheckpointing
    /// Parameters and the two moments.
    public let state: Int
    /// One gradient: each thread fills one, and ``heldGradients`` more are held.
    public let gradient: Int
    /// The gradient that is next in line, partial sums of the reduction tree that wait for their other half, the reduced
    /// gradient, and what is on its way to and from the others.
    public let heldGradients: Int
    /// Of what the frozen blocks below the lowest trained one make of texts, at most.
    public let cache: Int
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
        keeping = base.workspaceByteCount(
            for: extent, trained: trainee.parts, recomputesActivations: false)
        recomputing = base.workspaceByteCount(
            for: extent, trained: trainee.parts, recomputesActivations: true)
        checkpointing = configuration.training.gradientCheckpointing
        cache = configuration.training.activationCache << 20
        state = 3 * 4 * trainee.layout.count
        gradient = 4 * trainee.layout.count
        heldGradients = height + 3
    }

    /// Whether a worker of so many threads on a host with so much memory computes blocks once more on the way back.
    public func recomputesActivations(threads: Int, memory: Int = HostMemory.byteCount()) -> Bool {
        switch checkpointing {
        case .never: false
        case .always: true
        case .auto: base + worker(threads: threads, perThread: keeping) > memory / 2
        }
    }

    /// Activations and scratch of each of so many compute threads of a worker, at the largest micro-batch.
    public func perThread(threads: Int, memory: Int = HostMemory.byteCount()) -> Int {
        recomputesActivations(threads: threads, memory: memory) ? recomputing : keeping
    }

    /// Bytes of a worker of so many threads, without the base.
    public func worker(threads: Int, memory: Int = HostMemory.byteCount()) -> Int {
        worker(threads: threads, perThread: perThread(threads: threads, memory: memory))
    }

    private func worker(threads: Int, perThread: Int) -> Int {
        Self.process + state + threads * (perThread + gradient) + heldGradients * gradient + cache
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
                + ", or shorter data.max_sequence_length and training.max_tokens_per_micro_batch"
                + (checkpointing == .never ? ", or training.gradient_checkpointing: auto" : ""))
    }
}
