import Foundation
import Tokenizers

/// The older vocabularies: SentencePiece's `.model` (read here, applied by libsentencepiece), `vocab.txt`, `vocab.json`
/// with `merges.txt`; loaded, and used on texts.
public final class VocabularyTarget: FuzzTarget {
    public static let name = "vocabulary"
    public let corpus: [FuzzInput]
    public let words = [
        "<unk>", "<s>", "</s>", "<0x0A>", "<0xFF>", "\u{2581}", "\u{2581}the", "[UNK]", "[CLS]", "[SEP]",
        "##s",
        "#version: 0.2", "\u{120}t", "do_lower_case", "tokenizer_class", "add_bos_token", "e\u{301}", "ﬁ",
    ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        let whole = try JSONSerialization.jsonObject(
            with: Data(try workspace.fixture("tokenizers/bert.tokenizer.json")))
        let model = (whole as? [String: Any])?["model"] as? [String: Any]
        let names = (model?["vocab"] as? [String: Int] ?? [:]).sorted { $0.value < $1.value }.map(\.key)
        let settings = Array(#"{"add_bos_token": true, "do_lower_case": true}"#.utf8)
        corpus = [
            FuzzInput([
                .init("tokenizer.model", try workspace.fixture("tokenizers/pairs.model")),
                .init("tokenizer_config.json", settings),
            ]),
            FuzzInput([.init("tokenizer.model", try workspace.fixture("tokenizers/pieces.model"))]),
            FuzzInput([
                .init("vocab.txt", Array(names.joined(separator: "\n").utf8)),
                .init("tokenizer_config.json", settings),
            ]),
            FuzzInput([
                .init("vocab.json", Array(#"{"a": 0, "b": 1, "ab": 2, "\#u{120}": 3, "\#u{120}a": 4}"#.utf8)),
                .init("merges.txt", Array("#version: 0.2\na b\n\u{120} a\n".utf8)),
            ]),
        ]
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        for name in ["tokenizer.model", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json"] {
            try? FileManager.default.removeItem(atPath: workspace.folder + "/" + name)
        }
        for part in input.parts { _ = try workspace.write(part.name, part.bytes) }
        guard let tokenizer = try? TokenizerLoader.load(directory: workspace.folder) else { return false }
        try TokenizerTarget.check(tokenizer)
        return true
    }
}
