/// One key of an `adapter_config.json` and its value, with errors that name both.
struct ConfigurationValue {
    let key: String
    private let value: JSONValue
    private let file: String

    init(_ member: JSONValue.Member, file: String) {
        key = member.key
        value = member.value
        self.file = file
    }

    var isNull: Bool { value == .null }

    /// Whether the value is what PEFT writes for a feature that is not used.
    var isInert: Bool { [.null, .bool(false), .array([]), .object([]), .string("")].contains(value) }

    /// The value in at most 60 characters, for errors.
    var shortText: String {
        let text = value.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return text.count <= 60 ? text : text.prefix(57) + "..."
    }

    func integer() throws(AdapterError) -> Int {
        guard case .integer(let integer) = value else { throw failure("an integer") }
        return integer
    }

    func real() throws(AdapterError) -> Double {
        switch value {
        case .integer(let integer): return Double(integer)
        case .real(let real): return real
        default: throw failure("a number")
        }
    }

    func bool() throws(AdapterError) -> Bool {
        guard case .bool(let bool) = value else { throw failure("true or false") }
        return bool
    }

    func string() throws(AdapterError) -> String {
        guard case .string(let string) = value else { throw failure("a string") }
        return string
    }

    /// A list of integers, or one alone.
    func integers() throws(AdapterError) -> [Int] {
        guard case .array(let values) = value else { return [try integer()] }
        var integers: [Int] = []
        for value in values {
            guard case .integer(let integer) = value else { throw failure("a list of integers") }
            integers.append(integer)
        }
        return integers
    }

    /// A list of strings, or one alone.
    func strings() throws(AdapterError) -> [String] {
        guard case .array(let values) = value else { return [try string()] }
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value else { throw failure("a list of strings") }
            strings.append(string)
        }
        return strings
    }

    func targets() throws(AdapterError) -> LoRAConfiguration.Targets {
        guard case .string(let text) = value else { return .names(try strings()) }
        return text.lowercased() == "all-linear" ? .allLinear : .pattern(text)
    }

    func initialWeights() throws(AdapterError) -> LoRAConfiguration.InitialWeights {
        switch value {
        case .bool(true): return .zeroB
        case .bool(false): return .randomB
        case .string(let name):
            let rounds = "pissa_niter_"
            if name == "pissa" { return .pissa(iterations: nil) }
            if name.hasPrefix(rounds), let count = Int(name.dropFirst(rounds.count)), count >= 0 {
                return .pissa(iterations: count)
            }
            return name.lowercased() == "gaussian" ? .gaussian : .other(name)
        default: throw failure("true, false or the name of a method")
        }
    }

    func bias() throws(AdapterError) -> LoRAConfiguration.Bias {
        guard case .string(let text) = value, let bias = LoRAConfiguration.Bias(rawValue: text) else {
            throw failure("none, all or lora_only")
        }
        return bias
    }

    /// The members of an object, in the order of the file.
    func overrides<Value>(
        _ read: (ConfigurationValue) throws(AdapterError) -> Value
    ) throws(AdapterError) -> [LoRAConfiguration.Override<Value>] {
        if isNull { return [] }
        guard case .object(let members) = value else { throw failure("an object of patterns and values") }
        var overrides: [LoRAConfiguration.Override<Value>] = []
        for member in members {
            let inner = JSONValue.Member("\(key)['\(member.key)']", member.value)
            overrides.append(
                .init(pattern: member.key, value: try read(ConfigurationValue(inner, file: file))))
        }
        return overrides
    }

    private func failure(_ expected: String) -> AdapterError {
        AdapterError(
            code: .invalidConfiguration, message: "\(file): \(key) is \(shortText), expected \(expected)",
            context: key)
    }
}
