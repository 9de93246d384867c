import Foundation

/// Numbers as the report writes them; a dash for what was not measured.
enum Figures {
    static let missing = "–"

    static func fixed(_ value: Double?, _ digits: Int) -> String {
        guard let value, value.isFinite else { return value == nil ? missing : "not finite" }
        return grouped(String(format: "%.\(digits)f", value))
    }

    /// Three significant digits.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "not finite" }
        guard value != 0 else { return "0" }
        let magnitude = Int(log10(abs(value)).rounded(.down))
        return fixed(value, max(0, 2 - magnitude))
    }

    /// Up to three significant digits, without zeros that say nothing: for the ticks of an axis.
    static func tick(_ value: Double) -> String {
        let text = short(value)
        guard text.contains(".") else { return text }
        return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
    }

    static func seconds(_ value: Double?) -> String { value.map { short($0) + " s" } ?? missing }

    static func bytes(_ value: Double?) -> String {
        guard let value, value.isFinite else { return missing }
        for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where abs(value) >= size {
            return short(value / size) + " " + unit
        }
        return fixed(value, 0) + " B"
    }

    static func percent(_ value: Double?) -> String { value.map { fixed(100 * $0, 1) + " %" } ?? missing }

    static func ratio(_ value: Double?) -> String { value.map { short($0) + "×" } ?? missing }

    static func count(_ value: Int) -> String { grouped(String(value)) }

    /// A learning rate: `3e-4`, `0.01`.
    static func rate(_ value: Double) -> String {
        guard value > 0, value < 0.01 else { return tick(value) }
        let exponent = log10(value * (1 + 1e-12)).rounded(.down)
        return "\(tick(value / pow(10, exponent)))e\(Int(exponent))"
    }

    private static func grouped(_ text: String) -> String {
        let parts = text.split(separator: ".", maxSplits: 1)
        let isNegative = parts[0].hasPrefix("-")
        let digits = Array(isNegative ? parts[0].dropFirst() : parts[0])
        var result = isNegative ? "−" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return parts.count > 1 ? result + "." + parts[1] : result
    }
}
