/// What is wrong with a value: the schema adds the key, the reader the file and the line.
package struct ValueProblem: Error {
    package var code: ConfigurationError.Code
    package var expected: String
    package var line: Int?

    static func wrongType(_ expected: String, at node: ConfigurationNode) -> ValueProblem {
        ValueProblem(code: .wrongType, expected: expected, line: node.line)
    }

    static func outOfRange(_ expected: String) -> ValueProblem {
        ValueProblem(code: .outOfRange, expected: expected)
    }
}

/// A type a configuration key can have: how it is read and how it is written on one line.
package protocol ConfigurationValue: Sendable, Equatable {
    /// Reads it.
    static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Self
    /// The value as YAML on one line.
    var yaml: String { get }
}

extension ConfigurationNode {
    /// The text of a scalar that is not in quotes and not null.
    fileprivate func plain(_ expected: String) throws(ValueProblem) -> String {
        guard case .scalar(let text, quoted: false) = content, !isNull else {
            throw .wrongType(expected, at: self)
        }
        return text
    }

    /// The text of a scalar, in quotes or not, that is not null.
    fileprivate func text(_ expected: String) throws(ValueProblem) -> String {
        guard case .scalar(let text, _) = content, !isNull else { throw .wrongType(expected, at: self) }
        return text
    }
}

extension Bool: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Bool {
        switch try node.plain("true or false") {
        case "true", "True", "TRUE", "yes", "on": return true
        case "false", "False", "FALSE", "no", "off": return false
        default: throw .wrongType("true or false", at: node)
        }
    }

    package var yaml: String { self ? "true" : "false" }
}

extension Int: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Int {
        let text = try node.plain("a whole number")
        guard let value = Int(text.filter { $0 != "_" }) else { throw .wrongType("a whole number", at: node) }
        return value
    }

    package var yaml: String { String(self) }
}

extension UInt64: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> UInt64 {
        let expected = "a whole number from 0 to 2^64 − 1"
        let text = try node.plain(expected)
        guard let value = UInt64(text) else { throw .wrongType(expected, at: node) }
        return value
    }

    package var yaml: String { String(self) }
}

extension Double: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Double {
        let text = try node.plain("a number")
        let isNumeral = text.utf8.first.map { "+-.0123456789".utf8.contains($0) } == true
        guard isNumeral, let value = Double(text), value.isFinite else {
            throw .wrongType("a number", at: node)
        }
        return value
    }

    package var yaml: String { String(self) }
}

extension String: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> String {
        let text = try node.text("text")
        guard !text.isEmpty, !text.utf8.contains(0) else {
            throw .wrongType("text that is not empty", at: node)
        }
        return text
    }

    package var yaml: String { YAMLText.scalar(self) }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> [Element] {
        switch node.content {
        case .sequence(let items):
            var result: [Element] = []
            for item in items { result.append(try Element.read(item)) }
            return result
        case .scalar:
            return node.isNull ? [] : [try Element.read(node)]
        case .mapping:
            throw .wrongType("a list", at: node)
        }
    }

    package var yaml: String { "[" + map(\.yaml).joined(separator: ", ") + "]" }
}

extension Optional: ConfigurationValue where Wrapped: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Wrapped? {
        node.isNull ? nil : try Wrapped.read(node)
    }

    package var yaml: String { self?.yaml ?? "null" }
}

extension OrderedMap: ConfigurationValue where Value: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> OrderedMap<Value> {
        if node.isNull { return OrderedMap() }
        guard case .mapping(let entries) = node.content else {
            throw .wrongType("a mapping `{name: value}`", at: node)
        }
        var result: [Entry] = []
        for entry in entries {
            result.append(Entry(key: entry.key, value: try Value.read(entry.value)))
        }
        return OrderedMap(result)
    }

    package var yaml: String {
        "{" + entries.map { "\(YAMLText.scalar($0.key)): \($0.value.yaml)" }.joined(separator: ", ") + "}"
    }
}

/// An enumeration whose raw values are the words of the file.
package protocol ConfigurationChoice: ConfigurationValue, CaseIterable, RawRepresentable
where RawValue == String {}

extension ConfigurationChoice {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Self {
        let words = allCases.map(\.rawValue)
        let expected = words.count == 1 ? "`\(words[0])`" : "one of " + words.joined(separator: ", ")
        let word = try node.text(expected)
        guard let value = Self(rawValue: word) else { throw .wrongType(expected, at: node) }
        return value
    }

    package var yaml: String { rawValue }
}

extension TrainingMethod: ConfigurationChoice {}
extension Objective: ConfigurationChoice {}
extension SupervisedTokens: ConfigurationChoice {}
extension ScheduleKind: ConfigurationChoice {}
extension NonFinitePolicy: ConfigurationChoice {}
extension CollectiveKind: ConfigurationChoice {}
extension NumericsKind: ConfigurationChoice {}
extension TrainedBiases: ConfigurationChoice {}

extension Interval: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> Interval {
        let expected = "a number of steps, 0 for never, or `epoch`"
        switch try node.text(expected) {
        case "epoch": return .epoch
        case let text:
            guard let count = Int(text) else { throw .wrongType(expected, at: node) }
            guard count >= 0 else { throw .outOfRange("0 or more steps, or `epoch`") }
            return count == 0 ? .never : .steps(count)
        }
    }

    package var yaml: String {
        switch self {
        case .never: "0"
        case .steps(let count): String(count)
        case .epoch: "epoch"
        }
    }
}

extension ActivationCheckpointing: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> ActivationCheckpointing {
        if case .scalar("auto", _) = node.content { return .auto }
        guard let isOn = try? Bool.read(node) else { throw .wrongType("true, false or auto", at: node) }
        return isOn ? .always : .never
    }

    package var yaml: String {
        switch self {
        case .never: "false"
        case .always: "true"
        case .auto: "auto"
        }
    }
}

extension InitialWeights: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> InitialWeights {
        let expected = "one of true, gaussian, false, pissa, pissa_niter_N"
        let rounds = "pissa_niter_"
        switch try node.text(expected) {
        case "true": return .zeroB
        case "false": return .randomB
        case "gaussian": return .gaussian
        case "pissa": return .pissa(iterations: nil)
        case let text where text.hasPrefix(rounds):
            guard let count = Int(text.dropFirst(rounds.count)), (0...1000).contains(count) else {
                throw .outOfRange("pissa_niter_N with N from 0 to 1000")
            }
            return .pissa(iterations: count)
        default: throw .wrongType(expected, at: node)
        }
    }

    package var yaml: String {
        switch self {
        case .zeroB: "true"
        case .gaussian: "gaussian"
        case .randomB: "false"
        case .pissa(let iterations): iterations.map { "pissa_niter_\($0)" } ?? "pissa"
        }
    }
}

extension TargetModules: ConfigurationValue {
    package static func read(_ node: ConfigurationNode) throws(ValueProblem) -> TargetModules {
        let expected = "`all-linear`, a list of module names, or one regular expression in quotes"
        switch node.content {
        case .sequence(let items):
            guard !items.isEmpty else { throw .wrongType("at least one module name", at: node) }
            var names: [String] = []
            for item in items { names.append(try String.read(item)) }
            return .names(names)
        case .scalar:
            let text = try node.text(expected)
            guard !text.isEmpty else { throw .wrongType(expected, at: node) }
            return text == "all-linear" ? .allLinear : .pattern(text)
        case .mapping:
            throw .wrongType(expected, at: node)
        }
    }

    package var yaml: String {
        switch self {
        case .allLinear: "all-linear"
        case .names(let names): names.yaml
        case .pattern(let pattern): YAMLText.quoted(pattern)
        }
    }
}
