/// The member `model`: the vocabulary and how words become its tokens.
extension TokenizerJSONReader {
    mutating func readModel(_ value: JSONValue) throws(TokenizerError) {
        var model = try JSONObjectReader(value, context: "\(fileName): model")
        // Files from before version 0.14 may leave the type out; only BPE has both members.
        let type = try model.takeString("type") ?? "BPE"
        switch type {
        case "BPE": try readPairs(&model)
        case "Unigram": try readUnigrams(&model)
        case "WordPiece": try readWordPieces(&model)
        default: throw model.unsupported("the model \"\(type)\"")
        }
        try model.finish()
    }

    private mutating func readPairs(_ model: inout JSONObjectReader) throws(TokenizerError) {
        if let dropout = model.take("dropout"), dropout != .integer(0), dropout != .number(0) {
            throw model.unsupported("dropout")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = try model.takeString(key), !affix.isEmpty { throw model.unsupported(key) }
        }
        let hasByteFallback = try model.takeBool("byte_fallback", default: false)
        if hasByteFallback && isByteLevel {
            throw model.unsupported("byte_fallback of a byte-level vocabulary")
        }
        let ignoresMerges = try model.takeBool("ignore_merges", default: false)
        if ignoresMerges && !isByteLevel {
            throw model.unsupported("ignore_merges of a vocabulary that is not byte-level")
        }
        let isFused = try model.takeBool("fuse_unk", default: false)
        let unknownName = try model.takeString("unk_token")
        try readVocabulary(&model)
        let unknown = try unknownName.map { name throws(TokenizerError) in
            BytePairModel.UnknownToken(id: try id(ofToken: name, "unk_token", model), isFused: isFused)
        }
        var merges: [(left: String, right: String)] = []
        let values = try model.takeArray("merges") ?? []
        merges.reserveCapacity(values.count)
        for (index, merge) in values.enumerated() {
            switch merge {
            case .string(let line): merges.append(try TokenizerParts.mergePair(line, index: index))
            case .array(let pair):
                guard pair.count == 2, case .string(let left) = pair[0], case .string(let right) = pair[1]
                else {
                    throw model.wrong("merges: \(index)", "a pair of strings", merge)
                }
                merges.append((left, right))
            default: throw model.wrong("merges: \(index)", "a string or a pair of strings", merge)
            }
        }
        parts.model =
            isByteLevel
            ? .bytePairs(merges: merges, ignoresMerges: ignoresMerges, unknown: unknown)
            : .characterPairs(merges: .pairs(merges), hasByteFallback: hasByteFallback, unknown: unknown)
    }

    /// A list of tokens and scores; the place is the id.
    private mutating func readUnigrams(_ model: inout JSONObjectReader) throws(TokenizerError) {
        if isByteLevel { throw model.unsupported("a Unigram model of a byte-level vocabulary") }
        var scores: [Double] = []
        let entries = try model.takeArray("vocab") ?? []
        scores.reserveCapacity(entries.count)
        parts.vocabulary.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            guard case .array(let pair) = entry, pair.count == 2, case .string(let name) = pair[0],
                let score = pair[1].double, let id = Int32(exactly: index)
            else { throw model.wrong("vocab: \(index)", "a pair of a token and its score", entry) }
            parts.vocabulary.append((name, id))
            scores.append(score)
        }
        let unknownID = model.take("unk_id")
        var unknown: Int32?
        if let unknownID {
            guard case .integer(let number) = unknownID, let id = Int32(exactly: number), id >= 0 else {
                throw model.wrong("unk_id", "a token id", unknownID)
            }
            unknown = id
        }
        parts.model = .unigrams(
            scores: scores, unknownID: unknown,
            hasByteFallback: try model.takeBool("byte_fallback", default: false))
    }

    private mutating func readWordPieces(_ model: inout JSONObjectReader) throws(TokenizerError) {
        if isByteLevel { throw model.unsupported("a WordPiece model of a byte-level vocabulary") }
        if parts.usesMetaSpaces { throw model.unsupported("a WordPiece model with Metaspace") }
        var options = WordPieceModel.Options()
        options.unknownToken = try model.takeString("unk_token") ?? options.unknownToken
        options.continuationPrefix =
            try model.takeString("continuing_subword_prefix") ?? options.continuationPrefix
        if let count = model.take("max_input_chars_per_word") {
            guard case .integer(let number) = count, let number = Int(exactly: number), number >= 0 else {
                throw model.wrong("max_input_chars_per_word", "a count", count)
            }
            options.longestWordCharacterCount = number
        }
        try readVocabulary(&model)
        parts.model = .wordPieces(options)
    }

    private mutating func readVocabulary(_ model: inout JSONObjectReader) throws(TokenizerError) {
        let vocabulary = model.take("vocab") ?? .null
        guard case .object(let members) = vocabulary else {
            throw model.wrong("vocab", "an object", vocabulary)
        }
        parts.vocabulary.reserveCapacity(members.count)
        for (name, value) in members {
            guard case .integer(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw model.wrong("vocab: \(name.prefix(80))", "a token id", value)
            }
            parts.vocabulary.append((name, id))
        }
    }

    private func id(ofToken name: String, _ key: String, _ model: JSONObjectReader) throws(TokenizerError)
        -> Int32
    {
        guard let id = parts.vocabulary.first(where: { $0.name.utf8.elementsEqual(name.utf8) })?.id else {
            throw TokenizerError(
                code: .malformed, message: "\(key) \"\(name)\" is not in the vocabulary",
                context: model.context)
        }
        return id
    }
}
