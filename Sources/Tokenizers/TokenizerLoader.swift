import Foundation

/// Finds out which kind of tokenizer a base has, and loads it.
///
/// To add a kind: a type that conforms to ``SubwordModel``, a case of ``TokenizerParts/Model``, and what the readers
/// of files make of it.
public enum TokenizerLoader {
    /// Loads the tokenizer of a directory in Hugging Face's layout.
    ///
    /// Reads `tokenizer.json` or else `tokenizer.model`, `vocab.txt`, `vocab.json` with `merges.txt` or
    /// `encoder.json` with `vocab.bpe`; and, if they are there, `tokenizer_config.json`, `special_tokens_map.json`,
    /// `generation_config.json`, `config.json`, `chat_template.jinja` and, beside an older file,
    /// `added_tokens.json`.
    ///
    /// - Throws: ``TokenizerError`` with code `.unreadableFile`, `.malformed` or `.unsupported`, naming the file
    ///   and the key in it.
    public static func load(directory: String) throws(TokenizerError) -> any Tokenizer {
        var files: [String: [UInt8]] = [:]
        for name in TokenizerConfigurationReader.fileNames { files[name] = try read(name, in: directory) }
        if let description = try read("tokenizer.json", in: directory) {
            return try load(tokenizerJSON: description, otherFiles: files)
        }
        for (name, companion) in VocabularyFilesReader.vocabularies {
            guard let vocabulary = try read(name, in: directory) else { continue }
            var vocabularyFiles = files
            vocabularyFiles[name] = vocabulary
            if let companion {
                guard let other = try read(companion, in: directory) else { continue }
                vocabularyFiles[companion] = other
            }
            let added = VocabularyFilesReader.addedTokensName
            vocabularyFiles[added] = try read(added, in: directory)
            var parts = try VocabularyFilesReader(files: vocabularyFiles).parts
            try TokenizerConfigurationReader(files: files).apply(to: &parts)
            return try PipelineTokenizer(parts: parts)
        }
        throw TokenizerError(
            code: .unreadableFile,
            message:
                "no tokenizer.json, nor tokenizer.model, vocab.txt or vocab.json with merges.txt; a base needs "
                + "one of them (save_pretrained of transformers writes the first)",
            context: directory)
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
        return try PipelineTokenizer(parts: parts)
    }

    /// Loads the tokenizer a GGUF file's metadata describes.
    public static func load(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) -> any Tokenizer {
        try PipelineTokenizer(parts: try GGUFTokenizerReader(metadata).parts)
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
