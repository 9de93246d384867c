/// Turns a growing sequence of ids into text, a piece at a time.
///
/// A character may span several tokens: its bytes are held back until it is complete, so the pieces joined are
/// what ``Tokenizer/decode(_:skipSpecialTokens:)`` gives for the whole sequence.
public struct StreamingDecoder: Sendable {
    private let tokenizer: any Tokenizer
    private let skipSpecialTokens: Bool
    private let rule: DecodingRule
    private var heldBack: [UInt8] = []
    private var isBeforeFirstToken = true
    /// Whether a space that comes next goes, and whether more do after it.
    private var dropsSpace = false
    private var dropsSpaces = false

    public init(tokenizer: any Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
        rule = tokenizer.decodingRule
        startAfresh()
    }

    private mutating func startAfresh() {
        heldBack = []
        isBeforeFirstToken = true
        guard case .pieces(let rule) = rule else { return }
        dropsSpaces = rule.start == .withoutSpaces
        dropsSpace = dropsSpaces || rule.start == .withoutOneSpace
    }

    /// Adds a token and returns the text it completes, which may be empty.
    public mutating func append(_ id: Int32) -> String {
        if skipSpecialTokens && tokenizer.isSpecialToken(id) { return "" }
        guard let bytes = tokenizer.bytes(ofToken: id) else { return "" }
        defer { isBeforeFirstToken = false }
        switch rule {
        case .bytes:
            heldBack += bytes
            let completeCount = heldBack.count - Self.incompleteSuffixCount(of: heldBack)
            let text = String(decoding: heldBack[..<completeCount], as: UTF8.self)
            heldBack.removeFirst(completeCount)
            return text
        case .words(_, let cleansUp):
            if isBeforeFirstToken, let name = tokenizer.token(ofID: id) {
                return DecodingRule.firstWord(name, cleansUp: cleansUp)
            }
            return String(decoding: bytes, as: UTF8.self)
        case .pieces(let rule):
            let name = tokenizer.token(ofID: id) ?? ""
            if rule.invalidBytes != .noBytes, ByteToken.value(ofName: name) != nil {
                heldBack += bytes
                guard rule.invalidBytes == .eachByte else { return "" }
                let completeCount = heldBack.count - Self.incompleteSuffixCount(of: heldBack)
                let text = Self.replacingEachInvalidByte(heldBack[..<completeCount])
                heldBack.removeFirst(completeCount)
                return untrimmed(text)
            }
            let run = takeRun(rule)
            if isBeforeFirstToken, rule.start == .withoutSpacesInFirstToken {
                return MetaSpace.replacingSymbols(name, with: "")
            }
            let text = String(decoding: bytes, as: UTF8.self)
            return rule.invalidBytes == .eachByte ? untrimmed(run) + trimmed(text) : trimmed(run + text)
        }
    }

    /// Returns what is still held back, as U+FFFD, and starts afresh.
    public mutating func finish() -> String {
        defer { startAfresh() }
        guard case .pieces(let rule) = rule else { return String(decoding: heldBack, as: UTF8.self) }
        let run = takeRun(rule)
        return rule.invalidBytes == .eachByte ? run : trimmed(run)
    }

    /// The text of the bytes held back, which no further byte follows.
    private mutating func takeRun(_ rule: DecodingRule.PieceRule) -> String {
        if heldBack.isEmpty { return "" }
        defer { heldBack = [] }
        if rule.invalidBytes == .eachByte { return Self.replacingEachInvalidByte(heldBack[...]) }
        return String(validating: heldBack, as: UTF8.self)
            ?? String(repeating: "\u{FFFD}", count: heldBack.count)
    }

    /// SentencePiece takes no spaces from bytes.
    private mutating func untrimmed(_ text: String) -> String {
        if !text.isEmpty { (dropsSpace, dropsSpaces) = (false, false) }
        return text
    }

    /// Takes the spaces away that were put before the text.
    private mutating func trimmed(_ text: String) -> String {
        guard dropsSpace, !text.isEmpty else { return text }
        let rest = dropsSpaces ? text.utf8.drop { $0 == MetaSpace.space } : text.utf8[...]
        dropsSpace = dropsSpaces && rest.isEmpty
        if dropsSpaces { return String(Substring(rest)) }
        return text.utf8.first == MetaSpace.space ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// `bytes` as UTF-8, with one U+FFFD for each byte that belongs to no character.
    private static func replacingEachInvalidByte(_ bytes: ArraySlice<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = ""
        var position = bytes.startIndex
        while position < bytes.endIndex {
            let lead = bytes[position]
            let count = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
            if position + count <= bytes.endIndex,
                let character = String(validating: bytes[position..<position + count], as: UTF8.self)
            {
                text += character
                position += count
            } else {
                text += "\u{FFFD}"
                position += 1
            }
        }
        return text
    }

    /// How many bytes at the end could be the beginning of a character whose rest is still to come.
    static func incompleteSuffixCount(of bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let lead = bytes[bytes.count - count]
            if lead & 0xC0 == 0x80 { continue }
            let length = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
            guard lead <= 0xF4, length > count else { return 0 }
            guard count > 1 else { return count }
            // Overlong forms, surrogates and code points past U+10FFFF are invalid at the second byte already.
            let second = bytes[bytes.count - count + 1]
            let allowed: ClosedRange<UInt8> =
                switch lead {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            return allowed.contains(second) ? count : 0
        }
        return 0
    }
}
