extension ByteLevelBPETokenizer {
    public var canonicalDescription: [UInt8] {
        var output = CanonicalWriter()
        output.add("shoal byte-level BPE tokenizer, description 1")
        output.add(vocabularyCount)
        for id in 0..<Int32(vocabularyCount) { output.add(token(ofID: id) ?? "") }
        output.add(model.merges.count)
        for entry in model.merges.entries {
            output.add(Int(entry.left))
            output.add(Int(entry.right))
            output.add(Int(entry.merge.result))
        }
        output.add(model.idsByBytes == nil ? "merges every word" : "takes whole words first")
        output.add(model.unknownToken.map { "unknown \($0.id) \($0.isFused)" } ?? "unknown left out")
        output.add(normalizers.count)
        for normalizer in normalizers { output.add("\(normalizer)") }
        output.add(preTokenizer.steps.count)
        for step in preTokenizer.steps { output.add(step.description) }
        output.add(addedTokens.count)
        for token in addedTokens {
            output.add(Int(token.id))
            output.add(token.content)
            let flags = [
                token.isSpecial, token.isSingleWord, token.stripsLeft, token.stripsRight, token.isNormalized,
            ]
            output.add(flags.map { $0 ? "1" : "0" }.joined())
        }
        for ids in [
            prefixIDs, suffixIDs, endTokenIDs, [bosTokenID ?? -1, eosTokenID ?? -1, padTokenID ?? -1],
        ] {
            output.add(ids.count)
            for id in ids { output.add(Int(id)) }
        }
        return output.bytes
    }
}

/// Writes fields so that no two sequences of fields give the same bytes.
private struct CanonicalWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ number: Int) {
        bytes += String(number).utf8
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func add(_ text: String) {
        add(text.utf8.count)
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\n"))
    }
}
