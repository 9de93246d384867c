/// How tokens become text again.
public enum DecodingRule: Sendable, Equatable {
    /// Tokens' bytes, joined, are UTF-8 (byte-level vocabularies).
    case bytes
    /// Tokens are texts; those that stand for a byte (`<0x0A>`) form runs of UTF-8 (SentencePiece's vocabularies).
    case pieces(PieceRule)
    /// Tokens are words with a space between, or pieces inside a word (WordPiece).
    ///
    /// `prefix` marks a piece inside a word; `cleansUp` takes away the space before punctuation.
    case words(prefix: String, cleansUp: Bool)

    public struct PieceRule: Sendable, Equatable {
        /// What becomes of the space that was put before a text.
        public enum Start: Sendable, Equatable {
            /// It stays.
            case kept
            /// The text's first space goes.
            case withoutOneSpace
            /// All spaces before the text's first other character go.
            case withoutSpaces
            /// All spaces of the first token go.
            case withoutSpacesInFirstToken
        }

        /// What a run of bytes that is not UTF-8 becomes.
        public enum InvalidBytes: Sendable, Equatable {
            /// All of the run becomes U+FFFD, one for each byte, as in Hugging Face `tokenizers`.
            case wholeRun
            /// Each byte that belongs to no character becomes U+FFFD, as in SentencePiece.
            case eachByte
            /// Tokens' names are the text: no token stands for a byte.
            case noBytes
        }

        public var start: Start
        public var invalidBytes: InvalidBytes

        public init(start: Start, invalidBytes: InvalidBytes) {
            self.start = start
            self.invalidBytes = invalidBytes
        }
    }

    /// The bytes a token's name stands for inside a sequence.
    func bytes(ofName name: String) -> [UInt8] {
        switch self {
        case .bytes: return ByteLevelAlphabet.bytes(of: name) ?? Array(name.utf8)
        case .pieces(let rule):
            if rule.invalidBytes != .noBytes, let byte = ByteToken.value(ofName: name) { return [byte] }
            return MetaSpace.replacingSymbols(Array(name.utf8))
        case .words(let prefix, let cleansUp):
            let bytes = Array(name.utf8)
            let piece =
                bytes.starts(with: prefix.utf8)
                ? Array(bytes.dropFirst(prefix.utf8.count)) : [MetaSpace.space] + bytes
            return cleansUp ? Self.cleanedUp(piece) : piece
        }
    }

    /// A word at the beginning of a text.
    static func firstWord(_ name: String, cleansUp: Bool) -> String {
        cleansUp ? String(decoding: cleanedUp(Array(name.utf8)), as: UTF8.self) : name
    }

    /// Source: Hugging Face `tokenizers` 0.23.3, `decoders/wordpiece.rs`, `cleanup`.
    private static func cleanedUp(_ piece: [UInt8]) -> [UInt8] {
        guard piece.contains(MetaSpace.space) else { return piece }
        return replacements.reduce(piece) { Normalizer.replacing($1.dirty, with: $1.clean, in: $0) }
    }

    private static let replacements: [(dirty: [UInt8], clean: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.utf8), Array($1.utf8)) }
}
