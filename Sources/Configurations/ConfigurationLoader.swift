import Foundation

/// Where a configuration comes from, and what the command line changes in it.
public struct ConfigurationLoader: Sendable {
    /// Overrides as `section.key=value`, in order; later ones win. Their paths are relative to the working
    /// directory, because they were typed there.
    public var overrides: [String]
    /// The folder that overrides' paths are relative to.
    public var workingDirectory: String
    /// Whether something exists at an absolute path.
    public var exists: @Sendable (String) -> Bool

    /// - Parameters:
    ///   - overrides: the values of `--set`, and of flags that stand for a key.
    ///   - workingDirectory: nil: the process's.
    ///   - exists: nil: the file system.
    public init(
        overrides: [String] = [], workingDirectory: String? = nil,
        exists: (@Sendable (String) -> Bool)? = nil
    ) {
        self.overrides = overrides
        self.workingDirectory = workingDirectory ?? FileManager.default.currentDirectoryPath
        self.exists = exists ?? { FileManager.default.fileExists(atPath: $0) }
    }

    /// The override that gives `key` the text `value`, whatever characters it has: for flags that stand for
    /// a key.
    public static func override(_ key: String, _ value: String) -> String {
        "\(key)=\(YAMLText.scalar(value))"
    }

    /// Reads a configuration file.
    ///
    /// `base`, `data.train`, `data.valid` and `adapter.init_from` become absolute: in the file they are relative
    /// to its folder, or, where nothing is there, to the working directory. A `base` that looks like `org/name` stays a Hub id unless such a path exists.
    ///
    /// - Throws: ``ConfigurationError`` that lists every problem with its line.
    public func load(path: String) throws(ConfigurationError) -> RunConfiguration {
        let absolute = PathResolution.absolute(path, in: workingDirectory)
        guard let bytes = FileManager.default.contents(atPath: absolute) else {
            throw ConfigurationError(
                .unreadable, source: path,
                "cannot be read; does it exist? `shoal init` writes a configuration")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(.malformed, source: path, "not UTF-8 text; is this a configuration?")
        }
        return try load(
            yaml: text, source: path, directory: (absolute as NSString).deletingLastPathComponent)
    }

    /// Reads a configuration's text as if it stood in a file in `directory`.
    ///
    /// - Throws: ``ConfigurationError`` that lists every problem with its line.
    public func load(yaml text: String, source: String, directory: String) throws(ConfigurationError)
        -> RunConfiguration
    {
        let root = try ConfigurationNode.parse(text, source: source)
        var reader = ConfigurationReader(source: source, configuration: RunConfiguration(base: ""))
        reader.read(root)
        PathResolution.resolve(
            PathResolution.paths, of: &reader.configuration, in: directory,
            otherwise: workingDirectory, exists: exists)
        apply(overrides, to: &reader)
        let setPaths = Set(reader.lines.keys)
        for key in ["base", "data.train"] where !setPaths.contains(key) && !reader.overridden.contains(key) {
            reader.add(.missing, line: nil, key: key, Self.missing(key))
        }
        if reader.problems.isEmpty { reader.checkTogether() }
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return reader.configuration
    }

    /// The configuration with ``overrides`` applied, for a resumed run or a command without a file.
    ///
    /// - Throws: ``ConfigurationError`` that lists every problem.
    public func applyOverrides(to configuration: RunConfiguration) throws(ConfigurationError)
        -> RunConfiguration
    {
        var reader = ConfigurationReader(source: "--set", configuration: configuration)
        apply(overrides, to: &reader)
        if reader.problems.isEmpty { reader.checkTogether() }
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return reader.configuration
    }

    private static func missing(_ key: String) -> String {
        key == "base"
            ? "`base` is missing: write `base: PATH` with a Hugging Face folder, a .gguf file or a Hub id"
            : "`data.train` is missing: write `data: {train: [FILE.jsonl]}`"
    }

    private func apply(_ overrides: [String], to reader: inout ConfigurationReader) {
        for override in overrides {
            var single = ConfigurationReader(source: "--set \(override)", configuration: reader.configuration)
            single.apply(override)
            PathResolution.resolve(
                single.overridden, of: &single.configuration, in: workingDirectory,
                otherwise: workingDirectory, exists: exists)
            reader.configuration = single.configuration
            reader.problems += single.problems
            reader.overridden.formUnion(single.overridden)
        }
    }
}
