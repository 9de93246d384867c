import FoundationEssentials

/// What the readers of config.json share.
enum ConfigurationFile {
    /// Reads the keys of a family, there in snake case.
    ///
    /// - Throws: ``TransformerError`` with code `.invalidConfiguration` that names the key.
    static func decode<Keys: Decodable>(_ type: Keys.Type, from json: Data) throws -> Keys {
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: json)
        } catch let error as DecodingError {
            throw TransformerError(.invalidConfiguration, "config.json: \(error.shortDescription)")
        }
    }

    /// An error for a key whose value is not computed here.
    static func unsupported(_ key: String, _ value: String, modelType: String) -> TransformerError {
        TransformerError(
            .unsupportedConfiguration,
            "config.json: \(key) \(value) is not supported for model_type '\(modelType)'", context: key)
    }

    /// Throws for a number outside what the kernels can address.
    ///
    /// - Parameter limits: key, value and the largest value that is taken.
    static func requireLimits(_ limits: [(key: String, value: Int, limit: Int)]) throws(TransformerError) {
        for (key, value, limit) in limits where value < 1 || value > limit {
            throw TransformerError(
                .invalidConfiguration, "config.json: \(key) is \(value), expected 1 to \(limit)",
                context: key)
        }
    }

    /// A key whose value does not matter, only that it is there.
    struct Present: Decodable {
        /// Refuses a checkpoint that has `quantization_config`.
        static func refuseQuantization(_ key: Present?) throws(TransformerError) {
            guard key != nil else { return }
            throw TransformerError(
                .unsupportedConfiguration,
                "config.json: quantization_config is not supported; use the unquantized checkpoint or a .gguf",
                context: "quantization_config")
        }

        init(from decoder: any Decoder) throws {}
    }

    /// An id or a list of ids.
    struct OneOrMore: Decodable {
        let values: [Int32]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(Int32.self) {
                values = [one]
            } else {
                values = try container.decode([Int32].self)
            }
        }
    }
}

extension DecodingError {
    /// The path and what is wrong there, in one line.
    fileprivate var shortDescription: String {
        func path(_ context: Context) -> String {
            context.codingPath.map { snakeCase($0.stringValue) }.joined(separator: ".")
        }
        func snakeCase(_ name: String) -> String {
            name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
        }
        return switch self {
        case .keyNotFound(let key, _): "'\(snakeCase(key.stringValue))' is missing"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            "'\(path(context))' is not a \(type)"
        case .dataCorrupted(let context):
            "'\(path(context))' cannot be read: \(context.debugDescription)"
        @unknown default: "cannot be read: \(self)"
        }
    }
}
