import Foundation

/// Finds out which kind of tokenizer a base has, and loads it.
///
/// To add a kind: a type that conforms to ``Tokenizer`` and a case in each of the two functions here.
public enum TokenizerLoader {
    /// Loads the tokenizer of a directory in Hugging Face's layout.
    ///
    /// Reads `tokenizer.json` and, if they are there, `tokenizer_config.json`, `special_tokens_map.json`,
    /// `generation_config.json`, `config.json` and `chat_template.jinja`.
    ///
    /// - Throws: ``TokenizerError`` with code `.unreadableFile`, `.malformed` or `.unsupported`, naming the file
    ///   and the key in it.
    public static func load(directory: String) throws(TokenizerError) -> any Tokenizer {
        guard let description = try read("tokenizer.json", in: directory) else {
            throw TokenizerError(
                code: .unreadableFile,
                message: "no tokenizer.json; a base needs one (save_pretrained of transformers writes it)",
                context: directory)
        }
        var files: [String: [UInt8]] = [:]
        for name in TokenizerConfigurationReader.fileNames { files[name] = try read(name, in: directory) }
        return try load(tokenizerJSON: description, otherFiles: files)
    }

    /// Loads a tokenizer from the contents of its files.
    ///
    /// - Parameters:
    ///   - tokenizerJSON: the bytes of `tokenizer.json`.
    ///   - otherFiles: bytes by name, of those among `tokenizer_config.json`, `special_tokens_map.json`,
    ///     `generation_config.json`, `config.json` and `chat_template.jinja` that exist.
    public static func load(
        tokenizerJSON: [UInt8], otherFiles: [String: [UInt8]] = [:]
    ) throws(TokenizerError) -> any Tokenizer {
        var parts = try TokenizerJSONReader(tokenizerJSON, fileName: "tokenizer.json").parts
        try TokenizerConfigurationReader(files: otherFiles).apply(to: &parts)
        return try ByteLevelBPETokenizer(parts: parts)
    }

    /// Loads the tokenizer a GGUF file's metadata describes.
    public static func load(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) -> any Tokenizer {
        try ByteLevelBPETokenizer(gguf: metadata)
    }

    /// The bytes of a file, or nil when there is none.
    private static func read(_ name: String, in directory: String) throws(TokenizerError) -> [UInt8]? {
        let path = URL(filePath: directory, directoryHint: .isDirectory).appending(path: name).path
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw TokenizerError(
                code: .unreadableFile, message: "cannot be read: \(error.localizedDescription)", context: path
            )
        }
    }
}
