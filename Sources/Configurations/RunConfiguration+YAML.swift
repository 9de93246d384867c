extension RunConfiguration {
    /// The whole configuration with every key written out, in a fixed order.
    ///
    /// Reading it back gives ``resolved()``. It is what `RUN/config.yaml` holds.
    public func resolvedYAML() -> String {
        let configuration = resolved()
        var lines: [String] = []
        for key in ConfigurationSchema.keys where key.section == nil {
            lines.append("\(key.name): \(key.yaml(configuration))")
        }
        for section in ConfigurationSchema.sections {
            lines.append("\(section.name):")
            for key in ConfigurationSchema.keys where key.section == section.name {
                lines.append("  \(key.name): \(key.yaml(configuration))")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A key that two configurations give different values.
    public struct Difference: Sendable, Equatable, CustomStringConvertible {
        /// `section.key`
        public var key: String
        /// This configuration's value, as YAML.
        public var value: String
        /// The other configuration's value, as YAML.
        public var otherValue: String
        /// Whether a resumed run may have the other value: `training.max_steps`, `training.num_train_epochs`,
        /// and everything in `cluster`, `checkpoint`, `evaluation` and `telemetry`.
        public var mayDifferOnResume: Bool

        /// `section.key: value (was other)`
        public var description: String { "\(key): \(value) (was \(otherValue))" }
    }

    /// The keys that a run keeps for its life, by `section.key`, with their values as YAML.
    public var valuesKeptForLife: [String: String] {
        let configuration = resolved()
        let kept = ConfigurationSchema.keys.filter { !$0.mayDifferOnResume }
        return Dictionary(kept.map { ($0.path, $0.yaml(configuration)) }, uniquingKeysWith: { $1 })
    }

    /// Every key whose value differs from `other`'s once defaults are filled in, in the order of the file.
    public func difference(from other: RunConfiguration) -> [Difference] {
        let mine = resolved()
        let theirs = other.resolved()
        return ConfigurationSchema.keys.compactMap { key in
            let value = key.yaml(mine)
            let otherValue = key.yaml(theirs)
            if value == otherValue { return nil }
            return Difference(
                key: key.path, value: value, otherValue: otherValue, mayDifferOnResume: key.mayDifferOnResume)
        }
    }
}
