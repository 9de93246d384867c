/// A set of Unicode code points, as ascending ranges that neither overlap nor touch.
///
/// Patterns are compiled with their classes written out as ranges, so that `\p{L}` or `\s` mean what they mean
/// to Hugging Face `tokenizers` (Unicode 16) and not what the installed PCRE2's Unicode version says: the same
/// text gives the same ids on every host.
struct UnicodeRanges: Equatable, Sendable {
    private(set) var ranges: [ClosedRange<UInt32>] = []

    private static let lastCodePoint: UInt32 = 0x10FFFF

    init(_ ranges: [ClosedRange<UInt32>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    /// Reads `UnicodeTables`' form: hexadecimal code points and ranges (`41-5a 61-7a`) between white space.
    init(table: String) {
        self.init(
            table.split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { item in
                let bounds = item.split(separator: "-").compactMap { UInt32($0, radix: 16) }
                guard let first = bounds.first, let last = bounds.last, first <= last else { return nil }
                return first...last
            })
    }

    var isEmpty: Bool { ranges.isEmpty }

    func union(_ other: UnicodeRanges) -> UnicodeRanges { UnicodeRanges(ranges + other.ranges) }

    /// Every code point that is not in the set.
    var complement: UnicodeRanges {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.lastCodePoint { result.append(next...Self.lastCodePoint) }
        return UnicodeRanges(result)
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar.value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(scalar.value)
    }

    /// The ranges as the inside of a PCRE2 class, `\x{41}-\x{5a}`. Surrogates, which no text has, are left out:
    /// PCRE2 refuses them as class ends.
    var patternText: String {
        let surrogates: ClosedRange<UInt32> = 0xD800...0xDFFF
        var text = ""
        func append(_ first: UInt32, _ last: UInt32) {
            guard first <= last else { return }
            text += "\\x{" + String(first, radix: 16) + "}"
            if last > first { text += "-\\x{" + String(last, radix: 16) + "}" }
        }
        for range in ranges {
            if range.overlaps(surrogates) {
                append(range.lowerBound, min(range.upperBound, surrogates.lowerBound - 1))
                append(max(range.lowerBound, surrogates.upperBound + 1), range.upperBound)
            } else {
                append(range.lowerBound, range.upperBound)
            }
        }
        return text
    }
}

extension UnicodeRanges {
    static let whitespace = UnicodeRanges(table: UnicodeTables.whitespace)
    /// `\d`: decimal digits of any script.
    static let decimalNumber = UnicodeRanges(table: UnicodeTables.decimalNumber)
    /// What the Digits pre-tokenizer splits off (Rust's `char::is_numeric`).
    static let digits = number.union(UnicodeRanges(table: UnicodeTables.digitOnlyForDigits))

    private static let uppercaseLetter = UnicodeRanges(table: UnicodeTables.uppercaseLetter)
    private static let lowercaseLetter = UnicodeRanges(table: UnicodeTables.lowercaseLetter)
    private static let titlecaseLetter = UnicodeRanges(table: UnicodeTables.titlecaseLetter)
    private static let modifierLetter = UnicodeRanges(table: UnicodeTables.modifierLetter)
    private static let otherLetter = UnicodeRanges(table: UnicodeTables.otherLetter)
    private static let letter = [lowercaseLetter, titlecaseLetter, modifierLetter, otherLetter]
        .reduce(uppercaseLetter) { $0.union($1) }
    private static let mark = UnicodeRanges(table: UnicodeTables.mark)
    private static let number = decimalNumber.union(UnicodeRanges(table: UnicodeTables.otherNumber))
    private static let punctuation = UnicodeRanges(table: UnicodeTables.punctuation)
    private static let symbol = UnicodeRanges(table: UnicodeTables.symbol)

    /// The set a property's name in `\p{…}` stands for, or nil for a name that is not known here.
    ///
    /// Oniguruma ignores case, spaces, hyphens and underscores in names.
    static func property(named name: String) -> UnicodeRanges? {
        switch name.lowercased().filter({ $0 != " " && $0 != "-" && $0 != "_" }) {
        case "l", "letter": letter
        case "lu", "uppercaseletter": uppercaseLetter
        case "ll", "lowercaseletter": lowercaseLetter
        case "lt", "titlecaseletter": titlecaseLetter
        case "lm", "modifierletter": modifierLetter
        case "lo", "otherletter": otherLetter
        case "m", "mark": mark
        case "n", "number": number
        case "nd", "decimalnumber": decimalNumber
        case "p", "punctuation": punctuation
        case "s", "symbol": symbol
        default: nil
        }
    }
}
