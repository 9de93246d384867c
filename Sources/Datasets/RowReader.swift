import Tokenizers

/// Turns JSON objects into rows of one shape, with other names for keys where a file has them.
public struct RowReader: Sendable, Equatable {
    /// The shape every row must have.
    public var shape: RowShape
    /// Names the rows have, by Shoal's names.
    public var columns: [String: String]

    public init(shape: RowShape, columns: [String: String] = [:]) {
        self.shape = shape
        self.columns = columns
    }

    /// Parses a line of JSON.
    ///
    /// - Throws: ``DatasetError`` with code `.malformedRow` that names the column.
    public static func parse(_ line: [UInt8]) throws(DatasetError) -> JSONValue {
        do {
            return try JSONRowParser.parse(line)
        } catch {
            throw DatasetError(
                code: .malformedRow, message: "not JSON at column \(error.column): \(error.problem)")
        }
    }

    /// The reader for a file whose first row is `object`.
    ///
    /// Where a row fits several shapes, the first of ``RowShape`` counts; `columns` rules out the shapes that do
    /// not use all the names it maps.
    ///
    /// - Throws: ``DatasetError`` with code `.wrongShape` that lists the keys found.
    public static func detect(_ object: JSONValue, columns: [String: String] = [:]) throws(DatasetError)
        -> RowReader
    {
        guard case .object(let members) = object else {
            throw DatasetError(
                code: .malformedRow, message: "expected a JSON object, found \(object.summary)")
        }
        for name in columns.values.sorted() where object[name] == nil {
            throw DatasetError(
                code: .wrongShape,
                message:
                    "data.columns names \"\(name)\", but the row has \(JSONValue.names(members.map(\.key)))")
        }
        for shape in RowShape.allCases {
            let reader = RowReader(shape: shape, columns: columns)
            let optional = shape == .instruction ? ["input"] : []
            let usesColumns = columns.keys.allSatisfy { (shape.requiredKeys + optional).contains($0) }
            guard usesColumns, shape.requiredKeys.allSatisfy({ object[reader.name($0)] != nil }) else {
                continue
            }
            if shape == .promptCompletion, case .array = object[reader.name("prompt")] { continue }
            return reader
        }
        throw DatasetError(
            code: .wrongShape,
            message:
                "a row with \(members.isEmpty ? "no keys" : JSONValue.names(members.map(\.key))); expected "
                + "messages, conversations, prompt + completion, instruction + output, text + label, or text. "
                + "Name yours in data.columns, as {prompt: question, completion: answer}")
    }

    /// The name of `key` in the file.
    private func name(_ key: String) -> String { columns[key] ?? key }

    /// Reads one row.
    ///
    /// - Throws: ``DatasetError`` with code `.malformedRow`, `.wrongShape` or `.noSupervision`; the caller adds
    ///   file and line.
    public func read(_ object: JSONValue) throws(DatasetError) -> Row {
        guard case .object(let members) = object else {
            throw DatasetError(
                code: .malformedRow, message: "expected a JSON object, found \(object.summary)")
        }
        for key in shape.requiredKeys where object[name(key)] == nil {
            throw DatasetError(
                code: shape == .textLabel && key == "label" ? .noSupervision : .wrongShape,
                message:
                    "no \"\(name(key))\": expected a row of the shape \(shape.title), as the file's first, "
                    + "found \(JSONValue.names(members.map(\.key)))")
        }
        switch shape {
        case .messages:
            return .chat(try chat(messages("messages", in: object)))
        case .conversations:
            return .chat(try chat(conversation(in: object)))
        case .instruction:
            let output = try supervised("output", in: object)
            let input: String
            switch object[name("input")] {
            case nil, .some(.null): input = ""
            default: input = try string("input", in: object)
            }
            let prompt = AlpacaPrompt.render(instruction: try string("instruction", in: object), input: input)
            return .promptCompletion(prompt: prompt, completion: output)
        case .promptCompletion:
            return .promptCompletion(
                prompt: try string("prompt", in: object), completion: try supervised("completion", in: object)
            )
        case .promptCompletionMessages:
            let completion = try messages("completion", in: object)
            guard completion.contains(where: { $0.role == "assistant" && !$0.content.isEmpty }) else {
                throw noAssistant("completion")
            }
            return .chatCompletion(prompt: try messages("prompt", in: object), completion: completion)
        case .textLabel:
            return .labelled(text: try string("text", in: object), label: try label(in: object))
        case .text:
            return .text(try supervised("text", in: object))
        }
    }

    private func string(_ key: String, in object: JSONValue) throws(DatasetError) -> String {
        guard case .string(let text) = object[name(key)] else {
            throw DatasetError(
                code: .malformedRow,
                message: "\"\(name(key))\" must be a string, found \(object[name(key)]?.summary ?? "nothing")"
            )
        }
        return text
    }

    /// A string that has a loss, and so may not be empty or null.
    private func supervised(_ key: String, in object: JSONValue) throws(DatasetError) -> String {
        if object[name(key)] == .null {
            throw DatasetError(
                code: .noSupervision, message: "\"\(name(key))\" is null: a row without labels; remove it")
        }
        let text = try string(key, in: object)
        guard !text.isEmpty else {
            throw DatasetError(
                code: .noSupervision, message: "\"\(name(key))\" is empty: a row without labels; remove it")
        }
        return text
    }

    private func label(in object: JSONValue) throws(DatasetError) -> String {
        switch object[name("label")] {
        case .some(.string(let text)) where !text.isEmpty: return text
        case .some(.number(let text)): return text
        case .some(.bool(let value)): return value ? "true" : "false"
        case let found:
            throw DatasetError(
                code: .noSupervision,
                message: "\"\(name("label"))\" must be a string, a number or a boolean, found "
                    + "\(found?.summary ?? "nothing"): a row without a label")
        }
    }

    private func chat(_ messages: [ChatMessage]) throws(DatasetError) -> [ChatMessage] {
        guard messages.contains(where: { $0.role == "assistant" && !$0.content.isEmpty }) else {
            throw noAssistant(name(shape.requiredKeys[0]))
        }
        return messages
    }

    private func noAssistant(_ key: String) -> DatasetError {
        DatasetError(
            code: .noSupervision,
            message:
                "\"\(key)\" has no turn in which an assistant says something: a row without labels; remove it"
        )
    }

    private func items(_ key: String, in object: JSONValue) throws(DatasetError) -> [JSONValue] {
        guard case .array(let items) = object[name(key)] else {
            throw DatasetError(
                code: .malformedRow,
                message:
                    "\"\(name(key))\" must be a list of messages, found \(object[name(key)]?.summary ?? "nothing")"
            )
        }
        return items
    }

    private func messages(_ key: String, in object: JSONValue) throws(DatasetError) -> [ChatMessage] {
        var result: [ChatMessage] = []
        for (index, item) in try items(key, in: object).enumerated() {
            guard case .string(let role) = item["role"] else {
                throw turnError(key, index, "must have \"role\" (a string) and \"content\"", item)
            }
            result.append(ChatMessage(role: role, content: try content(item["content"], key, index, item)))
        }
        return result
    }

    /// A string, or OpenAI's list of `{"type": "text", "text": …}` parts.
    private func content(_ value: JSONValue?, _ key: String, _ index: Int, _ item: JSONValue)
        throws(DatasetError) -> String
    {
        switch value {
        case .some(.string(let text)): return text
        case .some(.array(let parts)):
            var text = ""
            for part in parts {
                guard part["type"] == .string("text"), case .string(let piece) = part["text"] else {
                    throw turnError(key, index, "may hold only parts {\"type\": \"text\", \"text\": …}", part)
                }
                text += piece
            }
            return text
        default: throw turnError(key, index, "must have \"content\" (a string)", item)
        }
    }

    private func conversation(in object: JSONValue) throws(DatasetError) -> [ChatMessage] {
        var result: [ChatMessage] = []
        for (index, item) in try items("conversations", in: object).enumerated() {
            guard case .string(let from) = item["from"], case .string(let value) = item["value"] else {
                throw turnError("conversations", index, "must have \"from\" and \"value\" (strings)", item)
            }
            guard let role = Self.speakers[from.lowercased()] else {
                throw turnError(
                    "conversations", index,
                    "is from \"\(from.prefix(40))\"; expected \(Self.speakers.keys.sorted().joined(separator: ", "))",
                    nil)
            }
            result.append(ChatMessage(role: role, content: value))
        }
        return result
    }

    /// ShareGPT's names of the speakers.
    private static let speakers = [
        "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant",
        "model": "assistant", "bot": "assistant", "system": "system", "tool": "tool", "function": "tool",
    ]

    private func turnError(_ key: String, _ index: Int, _ expected: String, _ found: JSONValue?)
        -> DatasetError
    {
        DatasetError(
            code: .malformedRow,
            message: "\"\(name(key))\"[\(index)] \(expected)\(found.map { ", found \($0.summary)" } ?? "")")
    }
}
