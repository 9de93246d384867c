/// Writes the commented configuration of `shoal init`: every section and key, explained, with its default.
public struct ConfigurationTemplate: Sendable {
    /// What is known of a data file.
    public struct DataFile: Sendable, Equatable {
        /// Its path as the configuration names it.
        public var path: String
        /// The shape of its rows, as `prompt/completion`.
        public var shape: String
        /// How many rows it has.
        public var rowCount: Int

        public init(path: String, shape: String, rowCount: Int) {
            self.path = path
            self.shape = shape
            self.rowCount = rowCount
        }
    }

    /// The base, as `base` takes it.
    public var base: String
    /// The files of `data.train`.
    public var train: [DataFile]
    /// The files of `data.valid`.
    public var valid: [DataFile]
    /// Values other than the defaults, as YAML by key (`training.batch_size`: `32`).
    public var values: [String: String]
    /// Lines for the head of the file.
    public var notes: [String]
    /// The name the file is written under, for the command in its head.
    public var fileName: String

    public init(
        base: String, train: [DataFile], valid: [DataFile] = [], values: [String: String] = [:],
        notes: [String] = [], fileName: String = "shoal.yaml"
    ) {
        self.base = base
        self.train = train
        self.valid = valid
        self.values = values
        self.notes = notes
        self.fileName = fileName
    }

    /// The file's text. It loads as a configuration, and each value that is not in ``values`` is the default.
    public func render() -> String {
        var lines = [
            "# Shoal configuration. Train with:  shoal train \(oneLine(fileName)) --workers 2",
            "# Check first with:                 shoal preflight \(oneLine(fileName))",
            "# Every key is here with its default; leave out what you do not change. docs/configuration.md has more.",
        ]
        for file in train + valid {
            lines.append("# \(oneLine(file.path)): \(file.rowCount) rows of the shape \(oneLine(file.shape))")
        }
        lines += notes.map { "# " + oneLine($0) }
        lines.append("")
        var defaults = RunConfiguration(base: base)
        defaults.data.train = train.map(\.path)
        defaults.data.valid = valid.map(\.path)
        let keys = ConfigurationSchema.keys
        for key in keys where key.section == nil {
            lines += ["# " + key.summary, line(key, indent: "", in: defaults)]
        }
        for section in ConfigurationSchema.sections {
            lines += ["", "# \(section.name): \(section.summary)", "\(section.name):"]
            let inSection = keys.filter { $0.section == section.name }
            let written = inSection.map { line($0, indent: "  ", in: defaults) }
            let width = min(44, written.map(\.count).max() ?? 0)
            for (key, text) in zip(inSection, written) {
                lines.append(
                    text + String(repeating: " ", count: max(0, width - text.count)) + "  # " + key.summary)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ key: ConfigurationKey, indent: String, in defaults: RunConfiguration) -> String {
        "\(indent)\(key.name): \(values[key.path] ?? key.yaml(defaults))"
    }

    /// Text that stays inside a comment.
    private func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.isWhitespace || $0.value < 32 ? " " : $0 }))
    }
}
