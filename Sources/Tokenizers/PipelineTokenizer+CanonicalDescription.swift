extension PipelineTokenizer {
    var canonicalDescription: [UInt8] {
        var output = CanonicalWriter()
        output.add("shoal tokenizer, description 2")
        output.add(vocabularyCount)
        for id in 0..<Int32(vocabularyCount) { output.add(token(ofID: id) ?? "") }
        model.describe(to: &output)
        output.add("\(decodingRule)")
        output.add(normalizers.count)
        for normalizer in normalizers { output.add(normalizer.description) }
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
