import Foundation
import WeightFiles

extension Base {
    /// Names of a base's files that are always the same: configuration, index and tokenizer.
    private static let fixedFileNames = Set(
        ["config.json", "generation_config.json", ShardedSafetensors.indexFileName]
            + TokenizerSource.fileNames)

    /// Whether a file of that name may belong to a base that came from elsewhere: one of the fixed names, or letters, digits,
    /// `.`, `_` and `-` that end in `.safetensors` or `.gguf`. None of them leads out of its folder.
    public static func isFileName(_ name: String) -> Bool {
        if fixedFileNames.contains(name) { return true }
        return (name.hasSuffix(".safetensors") || name.hasSuffix(".gguf")) && !name.hasPrefix(".")
            && name.utf8.count <= 200 && name.utf8.allSatisfy(isPlain)
    }

    /// The name under which a file of a base travels.
    public static func fileName(ofPath path: String) -> String {
        let name = URL(fileURLWithPath: path).lastPathComponent
        if isFileName(name) || !name.hasSuffix(".gguf") { return name }
        return String(
            decoding: name.utf8.suffix(150).map { isPlain($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self
        )
        .replacing(#/^\.+/#, with: "")
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
