import Bases
import Datasets
import Foundation
import Tensors
import Transformers

/// Says which class a text has.
///
/// - Thread: one at a time.
public final class TextClassifier {
    /// One class of a text.
    public struct Class: Sendable, Equatable {
        public let label: String
        public let probability: Double
    }

    private let labels: [String]
    private let builder: SequenceBuilder
    private let score: (MicroBatch) throws -> [SequenceScore]

    /// - Throws: ``TrainingError`` with code `.unsupported` for a model that is no classifier; `DatasetError` for a
    ///   tokenizer that does not mark the start of a text.
    public init(_ model: InferenceModel) throws {
        guard let labels = model.base.configuration.task.labels else {
            throw TrainingError(
                .unsupported,
                "\(model.base.base.path): an encoder without a classifier's head neither continues nor classifies texts; "
                    + "give the --adapter of a classifier")
        }
        self.labels = labels
        let objective = SequenceObjective.label(
            try ClassLabels(labels), try TextFrame(of: model.base.tokenizer))
        builder = SequenceBuilder(
            tokenizer: model.base.tokenizer, maxSequenceLength: model.base.configuration.contextLength,
            objective: objective)
        func open(_ opened: some TransformerModel) -> (MicroBatch) throws -> [SequenceScore] {
            let workspace = opened.makeWorkspace()
            return { try opened.scores(of: $0, parameters: model.parameters, workspace: workspace) }
        }
        score = open(model.model)
    }

    /// The classes of `text`, the likeliest first.
    public func classes(of text: String) throws -> [Class] {
        // The loss of each class is −log of its probability.
        let classes = try labels.map { label in
            let row = Row.labelled(text: text, label: label)
            let scores = try score(MicroBatch(packing: builder.example(of: row, id: 0).sequences))
            return Class(label: label, probability: scores.reduce(1) { $0 * exp(-$1.lossSum) })
        }
        return classes.enumerated().sorted {
            ($1.element.probability, $0.offset) < ($0.element.probability, $1.offset)
        }.map(\.element)
    }
}
