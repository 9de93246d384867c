/// Splits text into the words that merging never crosses.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `pre_tokenizers/{byte_level,split,digits,sequence}.rs` and
/// `tokenizer/{pattern,normalizer}.rs`.
struct PreTokenizer: Sendable {
    /// What becomes of the matches of a pattern.
    enum SplitBehavior: String, Sendable, CaseIterable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    enum Step: Sendable {
        /// Splits at the matches, or between them when `isInverted`. `description` states the pattern.
        case split(RegularExpression, behavior: SplitBehavior, isInverted: Bool, description: String)
        /// Puts a space before each piece that does not begin with one; before the text's first alone when
        /// `onlyFirst`.
        case prefixSpace(onlyFirst: Bool)
        /// Makes each `▁` the space it stands for. In a piece that has one, `shift` is right up to the first.
        case metaSpaces
        /// Cuts before each space that follows another character.
        case beforeSpaces

        var description: String {
            switch self {
            case .split(_, let behavior, let isInverted, let description):
                "split \(behavior.rawValue)\(isInverted ? " inverted" : "") \(description)"
            case .prefixSpace(let onlyFirst): onlyFirst ? "prefix space, first only" : "prefix space"
            case .metaSpaces: "meta spaces"
            case .beforeSpaces: "before spaces"
            }
        }
    }

    let steps: [Step]

    /// Receives a word: `range` of `text`. That array is the one given or, after a prefix space, a copy of a part;
    /// adding `shift` to its offsets gives those of the array given.
    typealias WordBody = (_ text: [UInt8], _ word: Range<Int>, _ shift: Int) throws(TokenizerError) -> Void

    /// Calls `body` with each word of `range` of `text`, in order.
    ///
    /// - Parameter isFirst: whether the text to encode begins with `range`.
    func forEachWord(
        of text: [UInt8], range: Range<Int>, isFirst: Bool, memory: MatchMemory, _ body: WordBody
    ) throws(TokenizerError) {
        try apply(
            steps[...], to: text, range: range, shift: 0, first: isFirst ? range.lowerBound : -1,
            memory: memory, body)
    }

    /// - Parameter first: the offset in `text` at which the text to encode begins, or -1.
    private func apply(
        _ steps: ArraySlice<Step>, to text: [UInt8], range: Range<Int>, shift: Int, first: Int,
        memory: MatchMemory, _ body: WordBody
    ) throws(TokenizerError) {
        if range.isEmpty { return }
        guard let step = steps.first else { return try body(text, range, shift) }
        let rest = steps.dropFirst()
        switch step {
        case .prefixSpace(let onlyFirst):
            if text[range.lowerBound] == UInt8(ascii: " ") || onlyFirst && range.lowerBound != first {
                try apply(rest, to: text, range: range, shift: shift, first: first, memory: memory, body)
            } else {
                let prefixed = [UInt8(ascii: " ")] + text[range]
                try apply(
                    rest, to: prefixed, range: prefixed.indices, shift: shift + range.lowerBound - 1,
                    first: range.lowerBound == first ? 0 : -1, memory: memory, body)
            }
        case .metaSpaces:
            let piece = Array(text[range])
            let replaced = MetaSpace.replacingSymbols(piece)
            if replaced.count == piece.count {
                try apply(rest, to: text, range: range, shift: shift, first: first, memory: memory, body)
            } else {
                try apply(
                    rest, to: replaced, range: replaced.indices, shift: shift + range.lowerBound,
                    first: range.lowerBound == first ? 0 : -1, memory: memory, body)
            }
        case .beforeSpaces:
            var start = range.lowerBound
            for end in range.dropFirst() where text[end] == 0x20 && text[end - 1] != 0x20 {
                try apply(
                    rest, to: text, range: start..<end, shift: shift, first: first, memory: memory, body)
                start = end
            }
            try apply(
                rest, to: text, range: start..<range.upperBound, shift: shift, first: first, memory: memory,
                body)
        case .split(let pattern, .isolated, _, _):
            // The common case: matches and what lies between them are pieces, whichever of them is "the match".
            try Self.forEachMatch(of: pattern, in: text, range: range, memory: memory) {
                piece, _ throws(TokenizerError) in
                try apply(rest, to: text, range: piece, shift: shift, first: first, memory: memory, body)
            }
        case .split(let pattern, let behavior, let isInverted, _):
            var pieces: [(range: Range<Int>, isMatch: Bool)] = []
            try Self.forEachMatch(of: pattern, in: text, range: range, memory: memory) { piece, isMatch in
                pieces.append((piece, isMatch != isInverted))
            }
            for piece in Self.combine(pieces, behavior) {
                try apply(rest, to: text, range: piece, shift: shift, first: first, memory: memory, body)
            }
        }
    }

    /// Calls `body` with the matches of `pattern` and the stretches between them, which together are `range`.
    private static func forEachMatch(
        of pattern: RegularExpression, in text: [UInt8], range: Range<Int>, memory: MatchMemory,
        _ body: (_ piece: Range<Int>, _ isMatch: Bool) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        var emitted = range.lowerBound
        var searchStart = range.lowerBound
        var lastMatchEnd = -1
        while let match = try pattern.firstMatch(in: text, range: range, from: searchStart, memory: memory) {
            if match.isEmpty && match.lowerBound == lastMatchEnd {
                // No empty match directly after another match: look again one character on.
                searchStart = match.upperBound + 1
                while searchStart < range.upperBound && text[searchStart] & 0xC0 == 0x80 { searchStart += 1 }
                if searchStart > range.upperBound { break }
                continue
            }
            searchStart = match.upperBound
            lastMatchEnd = match.upperBound
            if match.lowerBound > emitted { try body(emitted..<match.lowerBound, false) }
            try body(match, true)
            emitted = match.upperBound
        }
        if emitted < range.upperBound { try body(emitted..<range.upperBound, false) }
    }

    /// Joins or drops pieces as `behavior` says.
    private static func combine(
        _ pieces: [(range: Range<Int>, isMatch: Bool)], _ behavior: SplitBehavior
    ) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var previousIsMatch = false
        func joinOrAppend(_ piece: Range<Int>, joins: Bool) {
            if joins, let last = result.last {
                result[result.count - 1] =
                    min(last.lowerBound, piece.lowerBound)..<max(last.upperBound, piece.upperBound)
            } else {
                result.append(piece)
            }
        }
        switch behavior {
        case .removed: return pieces.filter { !$0.isMatch }.map(\.range)
        case .isolated: return pieces.map(\.range)
        case .contiguous:
            for (piece, isMatch) in pieces {
                joinOrAppend(piece, joins: isMatch == previousIsMatch)
                previousIsMatch = isMatch
            }
            return result
        case .mergedWithPrevious:
            for (piece, isMatch) in pieces {
                joinOrAppend(piece, joins: isMatch && !previousIsMatch)
                previousIsMatch = isMatch
            }
            return result
        case .mergedWithNext:
            for (piece, isMatch) in pieces.reversed() {
                joinOrAppend(piece, joins: isMatch && !previousIsMatch)
                previousIsMatch = isMatch
            }
            return result.reversed()
        }
    }
}
