extension LoRAConfiguration {
    /// Name of the file in a PEFT directory.
    public static let fileName = "adapter_config.json"

    /// The text of `adapter_config.json`: sorted keys, the same bytes for the same values.
    ///
    /// Only keys that every PEFT since 0.9 knows are written, and `exclude_modules` where it is used.
    public var json: String {
        var members: [JSONValue.Member] = [
            .init("alpha_pattern", .object(alphaPattern.map { .init($0.pattern, Self.number($0.value)) })),
            .init("base_model_name_or_path", baseModelName.map { .string($0) } ?? .null),
            .init("bias", .string(bias.rawValue)),
            .init("fan_in_fan_out", .bool(hasTransposedWeights)),
            .init("inference_mode", .bool(true)),
            .init("init_lora_weights", initialWeights.json),
            .init(
                "layers_pattern", layersPattern.isEmpty ? .null : .array(layersPattern.map { .string($0) })),
            .init("layers_to_transform", layersToTransform.map { .array($0.map { .integer($0) }) } ?? .null),
            .init("lora_alpha", Self.number(loraAlpha)),
            .init("lora_dropout", .real(loraDropout)),
            .init(
                "modules_to_save", modulesToSave.isEmpty ? .null : .array(modulesToSave.map { .string($0) })),
            .init("peft_type", .string("LORA")),
            .init("r", .integer(loraRank)),
            .init("rank_pattern", .object(rankPattern.map { .init($0.pattern, .integer($0.value)) })),
            .init("revision", revision.map { .string($0) } ?? .null),
            .init("target_modules", targets.json),
            .init("task_type", taskType.map { .string($0) } ?? .null),
            .init("use_dora", .bool(usesDoRA)),
            .init("use_rslora", .bool(usesRSLoRA)),
        ]
        if let excluded { members.append(.init("exclude_modules", excluded.json)) }
        members.sort { $0.key < $1.key }
        return JSONValue.object(members).text + "\n"
    }

    /// Reads the text of an `adapter_config.json`, PEFT's own or this program's.
    ///
    /// Keys that ask for something not done here are collected in ``unsupportedFeatures``; keys this version of PEFT's
    /// format does not know count only when they are set to something.
    /// - Parameter file: name for errors.
    /// - Throws: ``AdapterError`` with code `.invalidConfiguration`; `.unsupported` for another `peft_type`.
    public init(json bytes: [UInt8], file: String = LoRAConfiguration.fileName) throws(AdapterError) {
        self.init()
        guard case .object(let members) = try JSONParser.parse(bytes, file: file) else {
            throw AdapterError(
                code: .invalidConfiguration, message: "\(file): expected an object of settings", context: file
            )
        }
        taskType = nil
        var peftType: String?
        for member in members {
            if member.key == "peft_type" {
                peftType = try ConfigurationValue(member, file: file).string()
            } else {
                try read(ConfigurationValue(member, file: file))
            }
        }
        guard peftType == "LORA" else {
            throw AdapterError(
                code: .unsupported,
                message: "\(file): peft_type is \(peftType.map { "'\($0)'" } ?? "missing"), expected 'LORA';"
                    + " other kinds of adapter are not supported",
                context: "peft_type")
        }
        unsupportedFeatures.sort()
    }

    private mutating func read(_ value: ConfigurationValue) throws(AdapterError) {
        switch value.key {
        case "r": loraRank = try value.integer()
        case "lora_alpha": loraAlpha = try value.real()
        case "lora_dropout": loraDropout = try value.real()
        case "target_modules":
            if value.isNull {
                unsupportedFeatures.append("target_modules = null")
            } else {
                targets = try value.targets()
            }
        case "exclude_modules": excluded = value.isInert ? nil : try value.targets()
        case "layers_to_transform": layersToTransform = value.isInert ? nil : try value.integers()
        case "layers_pattern": layersPattern = value.isInert ? [] : try value.strings()
        case "rank_pattern":
            rankPattern = try value.overrides { (member) throws(AdapterError) in try member.integer() }
        case "alpha_pattern":
            alphaPattern = try value.overrides { (member) throws(AdapterError) in try member.real() }
        case "use_rslora": usesRSLoRA = try value.bool()
        case "use_dora": usesDoRA = try value.bool()
        case "fan_in_fan_out": hasTransposedWeights = value.isInert ? false : try value.bool()
        case "modules_to_save": modulesToSave = value.isInert ? [] : try value.strings()
        case "init_lora_weights": initialWeights = try value.initialWeights()
        case "base_model_name_or_path": baseModelName = value.isNull ? nil : try value.string()
        case "revision": revision = value.isNull ? nil : try value.string()
        case "task_type": taskType = value.isNull ? nil : try value.string()
        case "bias": bias = try value.bias()
        case _ where Self.keysWithoutEffect.contains(value.key): break
        default:
            if !value.isInert { unsupportedFeatures.append("\(value.key) = \(value.shortText)") }
        }
    }

    /// Keys that do not change what a trained adapter computes: notes, and settings of features that have a switch
    /// or a configuration of their own.
    private static let keysWithoutEffect: Set<String> = [
        "auto_mapping", "peft_version", "inference_mode", "megatron_core", "qalora_group_size", "eva_config",
        "runtime_config",
    ]

    /// Whole numbers are written without a fraction, as PEFT writes its integer alphas.
    private static func number(_ value: Double) -> JSONValue {
        if let integer = Int(exactly: value) { return .integer(integer) }
        return .real(value)
    }
}

extension LoRAConfiguration.Targets {
    fileprivate var json: JSONValue {
        switch self {
        case .allLinear: .string("all-linear")
        case .names(let names): .array(names.map { .string($0) })
        case .pattern(let pattern): .string(pattern)
        }
    }
}

extension LoRAConfiguration.InitialWeights {
    fileprivate var json: JSONValue {
        switch self {
        case .zeroB: .bool(true)
        case .randomB: .bool(false)
        case .gaussian: .string("gaussian")
        case .pissa(let iterations): .string(iterations.map { "pissa_niter_\($0)" } ?? "pissa")
        case .other(let name): .string(name)
        }
    }
}
