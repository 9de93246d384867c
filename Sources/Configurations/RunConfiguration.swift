/// Everything a run is told: the file `shoal train` reads, with every default filled in.
///
/// Keys on disk keep the spelling of Hugging Face and PEFT (`lora_alpha`, `num_train_epochs`); each section of
/// the file is a struct of its own. ``ConfigurationSchema`` is the one list of keys that parsing, writing and
/// documentation share.
public struct RunConfiguration: Codable, Sendable, Equatable {
    /// `base`: a folder in Hugging Face's layout, a `.gguf` file, or a Hub id `org/name[@revision]`.
    public var base: String
    /// `data`
    public var data = DataSection()
    /// `objective`: what the loss asks; nil: what the base and the rows are for.
    public var objective: Objective?
    /// `method`: what is trained.
    public var method = TrainingMethod.lora
    /// `adapter`
    public var adapter = AdapterSection()
    /// `partial`
    public var partial = PartialSection()
    /// `training`
    public var training = TrainingSection()
    /// `evaluation`
    public var evaluation = EvaluationSection()
    /// `checkpoint`
    public var checkpoint = CheckpointSection()
    /// `cluster`
    public var cluster = ClusterSection()
    /// `telemetry`
    public var telemetry = TelemetrySection()

    /// The defaults for `base`.
    public init(base: String) {
        self.base = base
    }

    /// The learning rate in force: `training.learning_rate`, else 2e-4 for lora and 5e-5 otherwise.
    public var learningRate: Double {
        training.learningRate ?? (method == .lora ? 2e-4 : 5e-5)
    }

    /// The same configuration with the defaults that depend on other keys filled in (`learning_rate`).
    ///
    /// `compare` keeps the unresolved configuration, because each method has a default of its own.
    public func resolved() -> RunConfiguration {
        var result = self
        result.training.learningRate = learningRate
        return result
    }
}
