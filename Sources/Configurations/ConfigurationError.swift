/// Why a configuration was refused: every problem found, each with file and line.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of a problem.
    public enum Code: String, Sendable, Equatable {
        /// The file could not be read.
        case unreadable
        /// Not YAML, or YAML that a configuration has no use for (aliases, tags, great depth).
        case malformed
        /// A key that Shoal does not have.
        case unknownKey
        /// A key twice.
        case duplicateKey
        /// A key of Hugging Face or Axolotl that has another spelling here.
        case foreignKey
        /// A value of another type.
        case wrongType
        /// A value outside its range.
        case outOfRange
        /// A key that is needed.
        case missing
        /// Two keys that exclude each other.
        case conflict
        /// `--set` without `section.key=value`.
        case malformedOverride
    }

    /// One problem.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// Its kind.
        public var code: Code
        /// Where it is: a file, or `--set`.
        public var source: String
        /// Line in the file, from 1.
        public var line: Int?
        /// The key, as `section.key`.
        public var key: String?
        /// What was expected, what was found, and what to do.
        public var message: String

        /// `source:line: message`
        public var description: String {
            line.map { "\(source):\($0): \(message)" } ?? "\(source): \(message)"
        }
    }

    /// The problems, in the order of the file; at least one.
    public var problems: [Problem]

    package init(_ problems: [Problem]) {
        self.problems = problems
    }

    package init(
        _ code: Code, source: String, line: Int? = nil, key: String? = nil, _ message: String
    ) {
        self.init([Problem(code: code, source: source, line: line, key: key, message: message)])
    }

    /// The kind of the first problem.
    public var code: Code { problems.first?.code ?? .malformed }

    /// The problems, one a line.
    public var message: String { problems.map(\.description).joined(separator: "\n") }

    /// ``message``
    public var description: String { message }

    /// The exit status of a command that meets it: 64 for a malformed `--set`, 74 for a file that cannot be
    /// read, 65 for everything else.
    public var exitStatus: Int32 {
        switch code {
        case .malformedOverride: 64
        case .unreadable: 74
        default: 65
        }
    }
}
