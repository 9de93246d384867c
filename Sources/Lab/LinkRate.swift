/// How fast a host's link is, each way: `100mbit`, `1gbit`, `2.5gbit`; or `unlimited`.
public struct LinkRate: Sendable, Hashable, CustomStringConvertible {
    /// Bits a second; nil where nothing limits the link.
    public let bitsPerSecond: Double?
    /// As it was written, in lower case.
    public let description: String

    /// A link that nothing slows.
    public static let unlimited = LinkRate(bitsPerSecond: nil, description: "unlimited")

    private init(bitsPerSecond: Double?, description: String) {
        self.bitsPerSecond = bitsPerSecond
        self.description = description
    }

    /// Reads a rate in tc's spelling.
    ///
    /// - Throws: ``LabError`` with code `.invalid` for anything else.
    public init(_ text: String) throws(LabError) {
        let lowered = text.lowercased()
        guard lowered != Self.unlimited.description else {
            self = .unlimited
            return
        }
        let digits = lowered.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let units: [Substring: Double] = ["bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9]
        guard let value = Double(digits), value.isFinite, value > 0,
            let unit = units[lowered.dropFirst(digits.count)]
        else {
            throw LabError(
                .invalid, "the link's rate is '\(text)', expected a rate as 100mbit or 1gbit, or unlimited")
        }
        self.init(bitsPerSecond: value * unit, description: lowered)
    }

    /// Bytes that may leave at once: what the link carries in two milliseconds, but at least two of the kernel's
    /// largest packets, since a smaller bucket would hold those back for good.
    var burstBytes: Int { max(131_072, Int(min((bitsPerSecond ?? 0) / 8 * 0.002, 1e9))) }
}

extension LinkRate: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        self = try LinkRate(text)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
