/// Turns an Axolotl configuration into a Shoal one: what maps is mapped, and everything else is listed.
public struct AxolotlConversion: Sendable {
    /// A key that the Shoal configuration does not carry over as it was.
    public struct Remark: Sendable, Equatable, CustomStringConvertible {
        /// Line in the Axolotl file.
        public var line: Int
        /// The key there.
        public var key: String
        /// What became of it.
        public var message: String

        /// `line N: key: message`
        public var description: String { "line \(line): `\(key)` \(message)" }
    }

    /// The Shoal configuration's values, as YAML by key.
    public private(set) var values: [String: String] = [:]
    /// What was not carried over, or changed on the way, in the order of the file.
    public private(set) var remarks: [Remark] = []

    /// Reads the text of an Axolotl file.
    ///
    /// - Throws: ``ConfigurationError`` when it is not YAML, or not a mapping.
    public init(yaml text: String, source: String) throws(ConfigurationError) {
        let root = try ConfigurationNode.parse(text, source: source)
        guard case .mapping(let entries) = root.content else {
            throw ConfigurationError(
                .malformed, source: source, line: root.line,
                "expected an Axolotl configuration of `key: value` lines")
        }
        let byKey = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
        for entry in entries where !entry.value.isNull {
            convert(entry, all: byKey)
        }
    }

    /// The Shoal file: commented, with the remarks in its head.
    public func render(fileName: String = "shoal.yaml") -> String {
        ConfigurationTemplate(
            base: "BASE", train: [], values: values,
            notes: remarks.isEmpty ? [] : ["From the Axolotl file:"] + remarks.map { "  " + $0.description },
            fileName: fileName
        ).render()
    }

    private mutating func convert(_ entry: ConfigurationNode.Entry, all: [String: ConfigurationNode]) {
        switch entry.key {
        case "adapter":
            let word = entry.value.flow
            values["method"] = "lora"
            if word == "qlora" {
                remark(entry, "became `method: lora`: the base is held in Float32")
            } else if word != "lora" {
                remark(entry, "has no counterpart; `method: lora` is written")
            }
        case "micro_batch_size", "gradient_accumulation_steps":
            convertBatch(entry, all: all)
        case "warmup_steps":
            convertWarmup(entry, all: all)
        case "saves_per_epoch":
            set("checkpoint.every_steps", "epoch", entry)
            if entry.value.flow != "1" {
                remark(entry, "became `checkpoint.every_steps: epoch`; a number of steps is possible too")
            }
        case "evals_per_epoch":
            set("evaluation.every_steps", "epoch", entry)
            if entry.value.flow != "1" {
                remark(entry, "became `evaluation.every_steps: epoch`; a number of steps is possible too")
            }
        case "val_set_size":
            convertValidation(entry)
        case "datasets", "test_datasets":
            convertDatasets(entry)
        default:
            convertByTable(entry)
        }
    }

    private mutating func convertByTable(_ entry: ConfigurationNode.Entry) {
        let homes = ConfigurationSchema.keys.filter { $0.name == entry.key }
        if let key = homes.first, homes.count == 1 {
            set(key.path, entry.value.flow, entry)
            return
        }
        guard let foreign = ForeignSpelling.named(entry.key) else {
            remark(entry, "is not known to Shoal; left out")
            return
        }
        if let key = foreign.target, let value = foreign.value(for: entry.value) {
            set(key.path, value, entry)
        } else if foreign.target == nil {
            remark(entry, foreign.advice(for: entry.value))
        }
    }

    private mutating func convertBatch(_ entry: ConfigurationNode.Entry, all: [String: ConfigurationNode]) {
        let perDevice = all["micro_batch_size"].flatMap { try? Int.read($0) } ?? 1
        let accumulation = all["gradient_accumulation_steps"].flatMap { try? Int.read($0) } ?? 1
        let (product, overflows) = perDevice.multipliedReportingOverflow(by: accumulation)
        guard values["training.batch_size"] == nil, !overflows else { return }
        set("training.batch_size", String(product), entry)
        remark(
            entry,
            "became `training.batch_size: \(product)` (micro_batch_size × gradient_accumulation_steps); "
                + "multiply by the number of devices it was meant for")
    }

    private mutating func convertWarmup(_ entry: ConfigurationNode.Entry, all: [String: ConfigurationNode]) {
        let steps = all["max_steps"].flatMap { try? Int.read($0) }
        guard let warmup = try? Int.read(entry.value), warmup >= 0 else {
            remark(entry, "is not a number of steps; left out")
            return
        }
        if warmup == 0 { return }
        if let steps, steps > 0 {
            set("training.warmup_ratio", min(1, Double(warmup) / Double(steps)).yaml, entry)
        } else {
            remark(
                entry,
                "is `training.warmup_ratio` in Shoal: \(warmup) ÷ all steps, which the file does not tell")
        }
    }

    private mutating func convertValidation(_ entry: ConfigurationNode.Entry) {
        guard let share = try? Double.read(entry.value), share > 0 else { return }
        if share < 1 {
            set("data.valid_fraction", share.yaml, entry)
        } else {
            remark(entry, "is a number of rows; set `data.valid_fraction` to a share of the rows instead")
        }
    }

    private mutating func convertDatasets(_ entry: ConfigurationNode.Entry) {
        if let paths = ForeignSpelling.datasetPaths(entry.value) {
            set(entry.key == "datasets" ? "data.train" : "data.valid", paths, entry)
        }
        guard case .sequence(let items) = entry.value.content else { return }
        for item in items {
            guard case .mapping(let fields) = item.content else { continue }
            for field in fields where !["path", "data_files", "ds_type", "split"].contains(field.key) {
                remark(
                    ConfigurationNode.Entry(
                        key: "\(entry.key).\(field.key)", line: field.line, value: field.value),
                    "is not needed where the rows have one of Shoal's shapes; `data.columns` maps other names"
                )
            }
        }
    }

    /// Takes a value when it is one the key can have; says so otherwise.
    private mutating func set(_ path: String, _ value: String, _ entry: ConfigurationNode.Entry) {
        guard let key = ConfigurationSchema.key(path) else { return }
        var scratch = RunConfiguration(base: "")
        do {
            let node = try ConfigurationNode.parse("value: \(value)", source: "")
            guard case .mapping(let entries) = node.content, let only = entries.first else { return }
            try key.read(only.value, &scratch)
            values[path] = key.yaml(scratch)
        } catch let problem as ValueProblem {
            remark(entry, "is `\(path)` in Shoal, which must be \(problem.expected); left out")
        } catch {
            remark(entry, "is `\(path)` in Shoal, but its value cannot be carried over; left out")
        }
    }

    private mutating func remark(_ entry: ConfigurationNode.Entry, _ message: String) {
        remarks.append(Remark(line: entry.line, key: entry.key, message: message))
    }
}
