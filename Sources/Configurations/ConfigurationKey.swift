/// One key of the configuration: its place, its meaning, and how it is read from and written to a configuration.
package struct ConfigurationKey: Sendable {
    /// `section.key`, or the key alone at top level.
    package var path: String
    /// One line for the generated file and the documentation.
    package var summary: String
    /// Reads the value into a configuration.
    package var read: @Sendable (ConfigurationNode, inout RunConfiguration) throws(ValueProblem) -> Void
    /// The configuration's value as YAML on one line.
    package var yaml: @Sendable (RunConfiguration) -> String
    /// Whether a resumed run may have another value.
    package var mayDifferOnResume: Bool

    /// The part before the dot, or nil at top level.
    package var section: String? {
        path.split(separator: ".").count == 2 ? path.split(separator: ".").first.map(String.init) : nil
    }

    /// The part after the dot.
    package var name: String { path.split(separator: ".").last.map(String.init) ?? path }

    /// A key kept in `property`; `check` returns what is expected when a value is outside its range.
    package init<Value: ConfigurationValue>(
        _ path: String, _ property: any WritableKeyPath<RunConfiguration, Value> & Sendable,
        _ summary: String,
        mayDifferOnResume: Bool = false, check: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) {
        self.path = path
        self.summary = summary
        self.mayDifferOnResume = mayDifferOnResume
        self.read = { (node, configuration) throws(ValueProblem) in
            let value = try Value.read(node)
            if let expected = check(value) { throw ValueProblem.outOfRange(expected) }
            configuration[keyPath: property] = value
        }
        self.yaml = { $0[keyPath: property].yaml }
    }
}
