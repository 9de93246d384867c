import Configurations
import Datasets
import Logging
import Transformers

extension RunConfiguration {
    /// The head that the objective needs, once it is resolved; nil takes the base as it is.
    var task: ModelTask? {
        switch objective {
        case nil: nil
        case .causal: .causalLanguageModel
        case .mlm: .maskedLanguageModel
        case .classification: .sequenceClassification(labels: data.labels)
        }
    }

    /// Takes over what a run worked out for itself when it began, where this configuration leaves it open.
    func adopting(_ recorded: RunConfiguration) -> RunConfiguration {
        var result = self
        result.objective = objective ?? recorded.objective
        if data.labels.isEmpty { result.data.labels = recorded.data.labels }
        return result
    }

    /// Works out what the loss asks of these rows, and the classes of labelled ones.
    ///
    /// - Parameter rows: those trained on, as ids in `dataset`.
    /// - Throws: `TransformerError` for rows or an objective that the base is not for; `DatasetError` that names file and
    ///   line of a label that is not in the list.
    mutating func resolveObjective(
        for base: LoadedBase, dataset: Dataset, rows: [UInt32], logger: Logger
    ) throws {
        let isLabelled = dataset.readers.contains { $0.shape == .textLabel }
        guard base.configuration.isEncoder else {
            _ = try base.configuration.configured(
                for: isLabelled ? .sequenceClassification(labels: []) : task ?? .causalLanguageModel)
            return
        }
        let isText = dataset.readers.allSatisfy { $0.shape == .text }
        let wanted = objective ?? (isLabelled ? .classification : isText ? .mlm : .causal)
        guard wanted != .causal else {
            _ = try base.configuration.configured(for: .causalLanguageModel)
            return
        }
        guard wanted == .classification ? isLabelled : isText else {
            throw DatasetError(
                code: .wrongShape,
                message:
                    "objective: \(wanted.rawValue) takes rows of \(wanted == .mlm ? "text" : "text and label"), "
                    + "these are \(dataset.readers[0].shape.title)", context: .init(file: dataset.paths[0]))
        }
        objective = wanted
        guard wanted == .classification else { return }
        let own = base.configuration.task.labels
        let labels =
            data.labels.isEmpty
            ? try own.map { names throws(DatasetError) in try ClassLabels(names) }
                ?? ClassLabels(of: rows, in: dataset)
            : try ClassLabels(data.labels)
        data.labels = labels.names
        let counts = try labels.counts(of: rows, in: dataset)
        for (name, count) in zip(labels.names, counts) where count == 0 {
            logger.warning(
                "no row to train on has the label '\(name)': the model cannot learn it; add rows, or take it out of data.labels"
            )
        }
    }
}
