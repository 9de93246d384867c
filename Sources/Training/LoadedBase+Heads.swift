import Adapters
import Bases
import Tensors
public import Transformers
import WeightFiles

extension LoadedBase {
    /// The same base with the head that `task` needs.
    ///
    /// - Throws: `TransformerError` for a task that its family has no head for; ``TrainingError`` with code
    ///   `.differentHead` where its own head tells apart another number of classes.
    public func configured(for task: ModelTask) throws -> LoadedBase {
        guard task != configuration.task else { return self }
        let configured = try configuration.configured(for: task)
        if let labels = task.labels, let count = headLabelCount(configured), count != labels.count {
            let own = configuration.labelNames.isEmpty ? "" : " (\(Self.list(configuration.labelNames)))"
            throw TrainingError(
                .differentHead,
                "\(base.path): its head tells apart \(count) classes\(own), \(labels.count) are wanted "
                    + "(\(Self.list(labels))); name its classes in data.labels, or take the base without a head"
            )
        }
        return LoadedBase(base: base, configuration: configured, tokenizer: tokenizer)
    }

    /// The same base with the head of the adapter in a PEFT directory.
    ///
    /// - Throws: as ``configured(for:)``; `AdapterError` for a classifier's adapter that has no head.
    func configured(forAdapterAt path: String) throws -> LoadedBase {
        let directory = try PEFTDirectory(path: path)
        guard directory.configuration.taskType == LoRAConfiguration.classificationTaskType else {
            return self
        }
        guard configuration.isEncoder else {
            throw AdapterError(
                code: .noMatch,
                message:
                    "\(path): this adapter classifies texts, for which it needs an encoder such as bert; this base is a "
                    + "\(configuration.modelType)", context: path)
        }
        let task = try configuration.configured(for: .sequenceClassification(labels: ["0", "1"]))
        guard let module = task.classifier,
            let head = directory.weights.tensor(named: PEFTDirectory.name(ofSaved: "\(module).weight")),
            let count = head.shape.first
        else {
            throw AdapterError(
                code: .differentTensors,
                message:
                    "\(directory.weights.path): has no head for a \(configuration.modelType) "
                    + "(\(PEFTDirectory.name(ofSaved: (task.classifier ?? "head") + ".weight"))); is it an adapter of "
                    + "another family, or one without modules_to_save?",
                context: path)
        }
        let recorded = directory.provenance.labels
        return try configured(
            for: .sequenceClassification(
                labels: recorded.count == count ? recorded : Self.names(configuration.labelNames, count)))
    }

    /// The task of a base by itself: that of a head which it brings along.
    static func task(of configuration: any ModelConfiguration, base: Base) -> ModelTask {
        guard configuration.isEncoder,
            let headed = try? configuration.configured(for: .sequenceClassification(labels: ["0", "1"])),
            let module = headed.classifier,
            let count = base.shape(ofTensor: "\(module).weight")?.first, count >= 1
        else { return configuration.task }
        return .sequenceClassification(labels: names(configuration.labelNames, count))
    }

    /// The values a trained tensor starts with: the base's own, or a new head's from the seed.
    ///
    /// - Throws: what the base throws.
    func initialValues(of name: String, shape: [Int], seed: UInt64) throws -> Vector {
        guard configuration.isOfHead(name), !base.hasTensor(named: name) else {
            return try tensor(named: name, shape: shape)
        }
        // Counted from the head's last matrix, so that a classifier alone has number 0.
        let matrices = configuration.weightShapes.reversed().filter {
            $0.shape.count > 1 && configuration.isOfHead($0.name)
        }
        let number = matrices.firstIndex { $0.name == name }
        return HeadInitialization.values(shape: shape, number: number ?? 0, seed: seed)
    }

    /// Classes that the base's own head tells apart; nil where it has none.
    private func headLabelCount(_ configured: any ModelConfiguration) -> Int? {
        configured.classifier.flatMap { base.shape(ofTensor: "\($0).weight")?.first }
    }

    /// Names of `count` classes: those known, or transformers' own.
    private static func names(_ known: [String], _ count: Int) -> [String] {
        known.count == count ? known : (0..<count).map { "LABEL_\($0)" }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " …" : "")
    }
}
