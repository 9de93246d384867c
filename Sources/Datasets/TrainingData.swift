public import Tensors

/// Everything about one step that does not depend on the cluster.
public struct TrainingStep: Sendable, Equatable {
    /// The step, from 1.
    public var step: Int
    /// Where it is.
    public var position: StepSampler.Position
    /// Its rows, in the order of the sampler.
    public var exampleIDs: [UInt32]
    /// Its micro-batches, in the order of the reduction tree's leaves.
    public var microBatches: [MicroBatch]

    /// Tokens of the step, each once.
    public var tokenCount: Int { microBatches.reduce(0) { $0 + $1.tokenCount } }
    /// Supervised tokens of the step.
    public var supervisedTokenCount: Int { microBatches.reduce(0) { $0 + $1.supervisedTokenCount } }
}

/// Rows, how they become sequences, which step has which, and how a step is cut: the way from files to
/// micro-batches as one value.
public struct TrainingData: Sendable {
    /// The rows.
    public var dataset: Dataset
    /// How they become sequences.
    public var builder: SequenceBuilder
    /// Which step has which.
    public var sampler: StepSampler
    /// How a step is cut.
    public var split: MicroBatchSplit

    public init(dataset: Dataset, builder: SequenceBuilder, sampler: StepSampler, split: MicroBatchSplit) {
        self.dataset = dataset
        self.builder = builder
        self.sampler = sampler
        self.split = split
    }

    /// The work of step `step` (from 1).
    ///
    /// - Throws: ``DatasetError`` that names file and line.
    public func work(ofStep step: Int) throws(DatasetError) -> TrainingStep {
        let ids = sampler.exampleIDs(ofStep: step)
        var sequences: [TrainingSequence] = []
        let position = sampler.position(ofStep: step)
        for id in ids {
            sequences += try builder.example(Int(id), of: dataset, epoch: position.epoch).sequences
        }
        return TrainingStep(
            step: step, position: position, exampleIDs: ids,
            microBatches: split.split(sequences))
    }
}
