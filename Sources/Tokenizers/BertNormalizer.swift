/// What BERT does to a text first: cleans it, sets ideographs apart, takes accents away, makes letters small.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `normalizers/bert.rs`; tables as that version has them.
struct BertNormalizer: Sendable, Equatable {
    var cleansText = true
    var setsIdeographsApart = true
    var stripsAccents = true
    var lowercases = true

    private static let removed = UnicodeRanges(table: BertTables.removed)
    private static let spaces = UnicodeRanges(table: BertTables.spaces)
    private static let ideographs = UnicodeRanges(table: BertTables.ideographs)
    private static let nonspacingMarks = UnicodeRanges(table: BertTables.nonspacingMarks)
    private static let lowercase = lowercaseTable()

    static let whitespace = UnicodeRanges(table: BertTables.whitespace)
    static let punctuation = UnicodeRanges(table: BertTables.punctuation)

    /// Normalises valid UTF-8.
    func apply(to text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + 16)
        var position = 0
        while position < text.count {
            var end = position
            while end < text.count, text[end] < 0x80 {
                appendASCII(text[end], to: &result)
                end += 1
            }
            position = end
            while end < text.count, text[end] >= 0x80 { end += 1 }
            // ASCII characters are starters: nothing of what follows depends on them.
            let others = String(decoding: text[position..<end], as: UTF8.self).unicodeScalars
            for scalar in normalized(Array(others)) { result += Array(String(scalar).utf8) }
            position = end
        }
        return result
    }

    private func appendASCII(_ byte: UInt8, to result: inout [UInt8]) {
        if cleansText {
            if byte == 0x09 || byte == 0x0A || byte == 0x0D { return result.append(0x20) }
            if byte < 0x20 || byte == 0x7F { return }
        }
        result.append(lowercases && byte >= 0x41 && byte <= 0x5A ? byte + 0x20 : byte)
    }

    private func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var scalars = text
        if cleansText {
            scalars = scalars.compactMap { scalar in
                Self.removed.contains(scalar) ? nil : Self.spaces.contains(scalar) ? " " : scalar
            }
        }
        if setsIdeographsApart {
            scalars = scalars.flatMap { Self.ideographs.contains($0) ? [" ", $0, " "] : [$0] }
        }
        if stripsAccents {
            scalars = CanonicalComposition.shared.decompose(scalars).filter {
                !Self.nonspacingMarks.contains($0)
            }
        }
        if lowercases {
            scalars = scalars.flatMap { Self.lowercase[$0.value] ?? [$0] }
        }
        return scalars
    }

    private static func lowercaseTable() -> [UInt32: [Unicode.Scalar]] {
        var table: [UInt32: [Unicode.Scalar]] = [:]
        for item in BertTables.lowercase.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let halves = item.split(separator: ":")
            guard halves.count == 2, let distance = Int(halves[1]) else { continue }
            for range in UnicodeRanges(table: String(halves[0])).ranges {
                for value in range {
                    table[value] = UInt32(exactly: Int(value) + distance).flatMap(Unicode.Scalar.init).map {
                        [$0]
                    }
                }
            }
        }
        for item in BertTables.lowercaseSequences.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let numbers = item.split(whereSeparator: { $0 == "=" || $0 == "+" }).compactMap {
                UInt32($0, radix: 16)
            }
            if let first = numbers.first {
                table[first] = numbers.dropFirst().compactMap(Unicode.Scalar.init)
            }
        }
        return table
    }
}
