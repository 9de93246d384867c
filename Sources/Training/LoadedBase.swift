public import Bases
import Layers
public import Logging
import Tensors
public import Tokenizers
public import Transformers

/// A base model as training and generation need it: mapped tensors, what its configuration says, its tokenizer.
public struct LoadedBase: Sendable {
    public let base: Base
    public let configuration: any ModelConfiguration
    public let tokenizer: any Tokenizer

    /// Opens what `reference` names (a directory, a .gguf file, a Hub id) and checks that the parts fit together.
    ///
    /// - Throws: `BaseError`, `WeightFileError`, `TransformerError`, `TokenizerError`; ``TrainingError`` with
    ///   code `.tokenizerMismatch` when the tokenizer has ids that the embedding has not.
    public init(reference: String, logger: Logger) async throws {
        try self.init(base: try await Base.open(reference, logger: logger))
    }

    /// Reads configuration and tokenizer of an opened base.
    public init(base: Base) throws {
        self.base = base
        do {
            let read = try ModelRegistry.configuration(json: base.configuration)
            configuration = try read.configured(for: Self.task(of: read, base: base))
        } catch let error as TransformerError {
            throw TransformerError(error.code, "\(base.path): \(error.message)", context: error.context)
        }
        tokenizer = try base.tokenizer.makeTokenizer(of: base.path)
        guard tokenizer.vocabularyCount <= configuration.vocabularySize else {
            throw TrainingError(
                .tokenizerMismatch,
                "\(base.path): the tokenizer has \(tokenizer.vocabularyCount) ids, the embedding "
                    + "\(configuration.vocabularySize) rows; do they belong together?")
        }
    }
}

extension LoadedBase {
    /// A tensor of the base, or of a tied head the embedding's.
    ///
    /// - Throws: `WeightFileError` when there is none of that name and shape.
    func tensor(named name: String, shape: [Int]) throws -> Vector {
        let tied = configuration.tiedHead
        return try base.tensor(named: tied?.name == name ? tied?.source.name ?? name : name, shape: shape)
    }

    /// The weight, or table, of a module: ``LinearModule/weightShape``.
    func weight(of module: LinearModule) throws -> Vector {
        try tensor(named: module.name + ".weight", shape: module.weightShape)
    }

    init(base: Base, configuration: any ModelConfiguration, tokenizer: any Tokenizer) {
        self.base = base
        self.configuration = configuration
        self.tokenizer = tokenizer
    }

    /// The tokenizer alone of what `reference` names; no weights are opened or expanded.
    ///
    /// - Throws: `BaseError`, `HubError`, `WeightFileError`, `TokenizerError`.
    public static func tokenizer(reference: String, logger: Logger) async throws -> any Tokenizer {
        let path = try await Base.resolve(reference, logger: logger)
        return try TokenizerSource(path: path).makeTokenizer(of: path)
    }
}

extension TokenizerSource {
    /// The tokenizer itself.
    ///
    /// - Parameter base: the base's path, for errors.
    /// - Throws: `TokenizerError` that names the base and what of its tokenizer is not supported, or damaged.
    func makeTokenizer(of base: String) throws(TokenizerError) -> any Tokenizer {
        do throws(TokenizerError) {
            return try makeTokenizer()
        } catch {
            if error.context.hasPrefix(base) { throw error }
            throw TokenizerError(
                code: error.code, message: error.message,
                context: error.context.isEmpty ? base : "\(base): \(error.context)")
        }
    }

    package func makeTokenizer() throws(TokenizerError) -> any Tokenizer {
        switch self {
        case .directory(let path):
            return try TokenizerLoader.load(directory: path)
        case .gguf(let metadata):
            return try TokenizerLoader.load(
                gguf: Tokenizers.GGUFTokenizerMetadata(metadata))
        }
    }
}

extension Tokenizers.GGUFTokenizerMetadata {
    /// A base's metadata as the tokenizers take it.
    init(_ metadata: Bases.GGUFTokenizerMetadata) {
        self.init(
            model: metadata.model, preTokenizer: metadata.preTokenizer, tokens: metadata.tokens,
            tokenTypes: metadata.tokenTypes.map { Int32(clamping: $0) },
            scores: metadata.scores.map { Float($0) }, merges: metadata.merges,
            bosTokenID: metadata.bosTokenID, eosTokenID: metadata.eosTokenID,
            padTokenID: metadata.paddingTokenID, unknownTokenID: metadata.unknownTokenID,
            classTokenID: metadata.classTokenID, separatorTokenID: metadata.separatorTokenID,
            addsBeginOfSequence: metadata.addsBOS,
            addsEndOfSequence: metadata.addsEOS, addsSpacePrefix: metadata.addsSpacePrefix,
            chatTemplate: metadata.chatTemplate)
    }
}
