/// Reads a parsed file into a configuration and collects every problem on the way.
struct ConfigurationReader {
    /// Where the file is, for messages.
    let source: String
    /// What has been read so far.
    var configuration: RunConfiguration
    /// What was wrong so far.
    var problems: [ConfigurationError.Problem] = []
    /// Line of each key that stood in the file.
    var lines: [String: Int] = [:]
    /// Keys that `--set` gave.
    var overridden: Set<String> = []

    init(source: String, configuration: RunConfiguration) {
        self.source = source
        self.configuration = configuration
    }

    /// Reads the document.
    mutating func read(_ root: ConfigurationNode) {
        guard case .mapping(let entries) = root.content else {
            add(.malformed, line: root.line, key: nil, "expected `key: value` lines, found \(root.summary)")
            return
        }
        for entry in entries {
            if ConfigurationSchema.isSection(entry.key) {
                readSection(entry)
            } else if let key = ConfigurationSchema.key(entry.key) {
                read(entry.value, into: key, line: entry.line)
            } else {
                addUnknown(entry, section: nil)
            }
        }
    }

    private mutating func readSection(_ section: ConfigurationNode.Entry) {
        if section.value.isNull { return }
        guard case .mapping(let entries) = section.value.content else {
            add(
                .wrongType, line: section.value.line, key: section.key,
                "`\(section.key)` is a section: keys are indented below it, found \(section.value.summary)"
                    + Self.sectionAdvice(section))
            return
        }
        for entry in entries {
            if let key = ConfigurationSchema.key("\(section.key).\(entry.key)") {
                read(entry.value, into: key, line: entry.line)
            } else {
                addUnknown(entry, section: section.key)
            }
        }
    }

    private static func sectionAdvice(_ section: ConfigurationNode.Entry) -> String {
        switch (section.key, section.value.content) {
        case ("data", .scalar), ("data", .sequence): "; write `data: {train: \(section.value.flow)}`"
        case ("adapter", .scalar("lora", _)), ("adapter", .scalar("qlora", _)): "; write `method: lora`"
        default: ""
        }
    }

    /// Reads one value.
    mutating func read(_ node: ConfigurationNode, into key: ConfigurationKey, line: Int?) {
        lines[key.path] = line
        do {
            try key.read(node, &configuration)
        } catch {
            add(
                error.code, line: line == nil ? nil : error.line ?? line, key: key.path,
                "`\(key.path)` must be \(error.expected); found \(node.summary)")
        }
    }

    private mutating func addUnknown(_ entry: ConfigurationNode.Entry, section: String?) {
        let unknown = UnknownKey.explain(entry.key, value: entry.value, section: section)
        add(unknown.code, line: entry.line, key: unknown.path, unknown.message)
    }

    /// Notes a problem.
    mutating func add(_ code: ConfigurationError.Code, line: Int?, key: String?, _ message: String) {
        problems.append(
            ConfigurationError.Problem(code: code, source: source, line: line, key: key, message: message))
    }

    /// Reads one `section.key=value`; the value is YAML, so that lists and `null` can be given.
    mutating func apply(_ override: String) {
        guard let equals = override.firstIndex(of: "="), equals != override.startIndex else {
            add(
                .malformedOverride, line: nil, key: nil,
                "expected section.key=value, as training.max_steps=100")
            return
        }
        let path = override[..<equals].trimmingPrefix { $0 == " " }
        let name = String(path)
        let value: ConfigurationNode
        do {
            value = try ConfigurationNode.parse(
                String(override[override.index(after: equals)...]), source: source)
        } catch {
            problems += error.problems.map { problem in
                var problem = problem
                problem.line = nil
                return problem
            }
            return
        }
        // An empty document parses as no keys; here it is an empty value.
        let node =
            value.content == .mapping([]) ? ConfigurationNode(.scalar("", quoted: false), line: 1) : value
        if let key = ConfigurationSchema.key(name) {
            overridden.insert(name)
            read(node, into: key, line: nil)
        } else {
            let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            let section = parts.count == 2 ? parts.first : nil
            let unknown = UnknownKey.explain(parts.last ?? name, value: node, section: section)
            add(unknown.code, line: nil, key: unknown.path, unknown.message)
        }
    }

    /// What only several keys together can get wrong.
    mutating func checkTogether() {
        let data = configuration.data
        if !data.valid.isEmpty, data.validFraction != nil {
            add(
                .conflict, line: lines["data.valid_fraction"], key: "data.valid_fraction",
                "`data.valid` names files and `data.valid_fraction` splits `data.train`; keep one of them")
        }
        let cluster = configuration.cluster
        if cluster.lostAfterSeconds <= cluster.heartbeatSeconds {
            add(
                .conflict, line: lines["cluster.lost_after_seconds"], key: "cluster.lost_after_seconds",
                "`cluster.lost_after_seconds` (\(cluster.lostAfterSeconds.yaml)) must be more than "
                    + "`cluster.heartbeat_seconds` (\(cluster.heartbeatSeconds.yaml))")
        }
        if configuration.method == .partial, configuration.partial.layers == 0,
            !configuration.partial.finalNorm,
            !configuration.partial.head
        {
            add(
                .conflict, line: lines["partial.layers"], key: "partial.layers",
                "`method: partial` with no layers, no final_norm and no head trains nothing; set one of them")
        }
    }
}
