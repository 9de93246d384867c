/// Finds added tokens in a text: at each place the longest, from left to right.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `tokenizer/added_vocabulary.rs`, `find_matches`.
struct AddedTokenMatcher: Sendable {
    /// A stretch of the text: an added token, or text between them.
    struct Piece: Equatable {
        let range: Range<Int>
        let id: Int32?
    }

    private struct Node {
        var children: [(byte: UInt8, node: Int)] = []
        /// The index of the token that ends here.
        var token: Int?
    }

    private let tokens: [AddedToken]
    private var nodes = [Node()]
    private var rootChild = [Int](repeating: -1, count: 256)

    /// - Parameter contents: the text to look for, for each token; empty ones are never found.
    init(tokens: [AddedToken], contents: [[UInt8]]) {
        self.tokens = tokens
        for (index, content) in contents.enumerated() where !content.isEmpty {
            var node = 0
            for byte in content {
                if let child = child(of: node, byte) {
                    node = child
                } else {
                    nodes.append(Node())
                    nodes[node].children.append((byte, nodes.count - 1))
                    if node == 0 { rootChild[Int(byte)] = nodes.count - 1 }
                    node = nodes.count - 1
                }
            }
            if nodes[node].token == nil { nodes[node].token = index }
        }
    }

    private func child(of node: Int, _ byte: UInt8) -> Int? {
        if node == 0 { return rootChild[Int(byte)] >= 0 ? rootChild[Int(byte)] : nil }
        return nodes[node].children.first { $0.byte == byte }?.node
    }

    /// Splits `range` of `text`, which is valid UTF-8.
    func split(_ text: [UInt8], range: Range<Int>) -> [Piece] {
        if range.isEmpty { return [] }
        if nodes.count == 1 { return [Piece(range: range, id: nil)] }
        var pieces: [Piece] = []
        var emitted = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            guard rootChild[Int(text[position])] >= 0, let match = longestMatch(in: text, range, at: position)
            else {
                position += 1
                continue
            }
            position = match.range.upperBound
            let token = tokens[match.token]
            if token.isSingleWord, Self.touchesWord(text, range, match.range) { continue }
            var start = match.range.lowerBound
            var end = match.range.upperBound
            if token.stripsLeft { start = max(emitted, Self.whitespaceStart(text, range.lowerBound..<start)) }
            if token.stripsRight { end = Self.whitespaceEnd(text, end..<range.upperBound) }
            if start > emitted { pieces.append(Piece(range: emitted..<start, id: nil)) }
            pieces.append(Piece(range: start..<end, id: token.id))
            emitted = end
        }
        if emitted < range.upperBound { pieces.append(Piece(range: emitted..<range.upperBound, id: nil)) }
        return pieces
    }

    private func longestMatch(
        in text: [UInt8], _ range: Range<Int>, at start: Int
    ) -> (range: Range<Int>, token: Int)? {
        var node = 0
        var best: (range: Range<Int>, token: Int)?
        var position = start
        while position < range.upperBound, let next = child(of: node, text[position]) {
            node = next
            position += 1
            if let token = nodes[node].token { best = (start..<position, token) }
        }
        return best
    }

    private static func touchesWord(_ text: [UInt8], _ range: Range<Int>, _ match: Range<Int>) -> Bool {
        if let before = scalar(endingAt: match.lowerBound, in: text, from: range.lowerBound),
            isWord(before.value)
        {
            return true
        }
        if let after = scalar(at: match.upperBound, in: text, to: range.upperBound), isWord(after.value) {
            return true
        }
        return false
    }

    /// `\w` of Rust's regex crate: UTS #18, Annex C.
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }

    private static func whitespaceStart(_ text: [UInt8], _ range: Range<Int>) -> Int {
        var start = range.upperBound
        while let found = scalar(endingAt: start, in: text, from: range.lowerBound),
            UnicodeRanges.whitespace.contains(found.value)
        {
            start -= found.byteCount
        }
        return start
    }

    private static func whitespaceEnd(_ text: [UInt8], _ range: Range<Int>) -> Int {
        var end = range.lowerBound
        while let found = scalar(at: end, in: text, to: range.upperBound),
            UnicodeRanges.whitespace.contains(found.value)
        {
            end += found.byteCount
        }
        return end
    }

    private static func scalar(
        at start: Int, in text: [UInt8], to end: Int
    ) -> (value: Unicode.Scalar, byteCount: Int)? {
        var decoder = UTF8()
        var bytes = text[start..<min(end, start + 4)].makeIterator()
        guard case .scalarValue(let value) = decoder.decode(&bytes) else { return nil }
        return (value, UTF8.width(value))
    }

    private static func scalar(
        endingAt end: Int, in text: [UInt8], from start: Int
    ) -> (value: Unicode.Scalar, byteCount: Int)? {
        var first = end - 1
        while first > start && text[first] & 0xC0 == 0x80 { first -= 1 }
        return first >= start ? scalar(at: first, in: text, to: end) : nil
    }
}
