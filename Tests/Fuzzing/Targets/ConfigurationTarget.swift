import Configurations

/// Configuration files: read, written out with every default, and read again.
public final class ConfigurationTarget: FuzzTarget {
    public static let name = "configuration"
    public let corpus: [FuzzInput]
    public let words = [
        "base: /b\n", "data: {train: [a.jsonl]}\n", "adapter:\n  r: 8\n", "rank_pattern: {\".*q\": 2}", "&a",
        "*a", "<<: ",
        "!!binary ", "|\n", ">-\n", "? ", "- ", ": ", "\n", "  ", "%YAML 1.1\n---\n", "...\n", "~", ".inf",
        ".nan", "0o17",
        "1e9", "epoch", "all-linear", "{", "}", "[", "]", "#", "\u{FEFF}", "\u{0}", "\t", "\"\\x00\"",
    ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        var full = RunConfiguration(base: "/b")
        full.data.train = ["/a b.jsonl"]
        full.adapter.rankPattern = OrderedMap([.init(key: ".*q", value: 2)])
        let texts = [
            full.resolvedYAML(),
            "base: /b\ndata: {train: [/a.jsonl], valid_fraction: 0.1}\nmethod: lora\nadapter: {r: 4}\n",
            "base: org/name@main\ndata:\n  train:\n  - /x.jsonl\ntraining: {max_steps: 5, learning_rate: 1e-3}\n",
        ]
        corpus =
            try workspace.stored(Self.name) + texts.map { FuzzInput([.init("config.yaml", Array($0.utf8))]) }
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        let path = try workspace.write("config.yaml", input.parts[0].bytes)
        let loader = ConfigurationLoader(workingDirectory: "/", exists: { _ in false })
        guard let configuration = try? loader.load(path: path) else { return false }
        let again: RunConfiguration
        do {
            again = try loader.load(yaml: configuration.resolvedYAML(), source: "again", directory: "/")
        } catch {
            throw FuzzFailure("the configuration written out is refused: \(error)")
        }
        // Not the values: what was left to a default is written out.
        guard again.resolvedYAML() == configuration.resolvedYAML() else {
            throw FuzzFailure("the configuration written out says something else")
        }
        return true
    }
}
