/// Turns a growing sequence of ids into text, a piece at a time.
///
/// A character may span several tokens: its bytes are held back until it is complete, so the pieces joined are
/// what ``Tokenizer/decode(_:skipSpecialTokens:)`` gives for the whole sequence.
public struct StreamingDecoder: Sendable {
    private let tokenizer: any Tokenizer
    private let skipSpecialTokens: Bool
    private var heldBack: [UInt8] = []

    public init(tokenizer: any Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Adds a token and returns the text it completes, which may be empty.
    public mutating func append(_ id: Int32) -> String {
        if skipSpecialTokens && tokenizer.isSpecialToken(id) { return "" }
        guard let bytes = tokenizer.bytes(ofToken: id) else { return "" }
        heldBack += bytes
        let completeCount = heldBack.count - Self.incompleteSuffixCount(of: heldBack)
        let text = String(decoding: heldBack[..<completeCount], as: UTF8.self)
        heldBack.removeFirst(completeCount)
        return text
    }

    /// Returns what is still held back, as U+FFFD, and starts afresh.
    public mutating func finish() -> String {
        defer { heldBack = [] }
        return String(decoding: heldBack, as: UTF8.self)
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
