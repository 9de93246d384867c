import ArgumentParser
import Configurations

/// Flags that override keys of the configuration; the common ones by name, any by `--set`.
struct OverrideOptions: ParsableArguments {
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Override any key; may be repeated.", valueName: "section.key=value"))
    var overrides: [String] = []

    @Option(help: "Override `base`.")
    var base: String?

    @Option(help: "Override `training.max_steps`.")
    var maxSteps: Int?

    @Option(help: "Override `training.learning_rate`.")
    var learningRate: Double?

    @Option(help: "Override `training.seed`.")
    var seed: UInt64?

    /// All of them as `section.key=value`, `--set` last so that it wins.
    var assignments: [String] {
        var result: [String] = []
        if let base { result.append(ConfigurationLoader.override("base", base)) }
        if let maxSteps { result.append("training.max_steps=\(maxSteps)") }
        if let learningRate { result.append("training.learning_rate=\(learningRate)") }
        if let seed { result.append("training.seed=\(seed)") }
        return result + overrides
    }
}
