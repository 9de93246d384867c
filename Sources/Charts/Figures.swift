import Foundation

/// Numbers as pages write them; a dash for what was not measured.
public enum Figures {
    /// In place of a number that there is not.
    public static let missing = "–"

    /// With so many digits behind the point.
    public static func fixed(_ value: Double?, _ digits: Int) -> String {
        guard let value, value.isFinite else { return value == nil ? missing : "not finite" }
        return grouped(String(format: "%.\(digits)f", value))
    }

    /// Three significant digits.
    public static func short(_ value: Double) -> String {
        guard value.isFinite else { return "not finite" }
        guard value != 0 else { return "0" }
        let magnitude = Int(log10(abs(value)).rounded(.down))
        return fixed(value, max(0, 2 - magnitude))
    }

    /// Up to three significant digits, without zeros that say nothing: for the ticks of an axis.
    public static func tick(_ value: Double) -> String {
        let text = short(value)
        guard text.contains(".") else { return text }
        return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
    }

    /// Three significant digits and `s`.
    public static func seconds(_ value: Double?) -> String { value.map { short($0) + " s" } ?? missing }

    /// With a decimal unit: 98.4 MB.
    public static func bytes(_ value: Double?) -> String {
        guard let value, value.isFinite else { return missing }
        for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where abs(value) >= size {
            return short(value / size) + " " + unit
        }
        return fixed(value, 0) + " B"
    }

    /// A share of 1 with one digit behind the point.
    public static func percent(_ value: Double?) -> String {
        value.map { fixed(100 * $0, 1) + " %" } ?? missing
    }

    /// `1.54×`
    public static func ratio(_ value: Double?) -> String { value.map { short($0) + "×" } ?? missing }

    /// An integer with thousands separated by commas.
    public static func count(_ value: Int) -> String { grouped(String(value)) }

    /// A learning rate: `3e-4`, `0.01`.
    public static func rate(_ value: Double) -> String {
        guard value > 0, value < 0.01 else { return tick(value) }
        let exponent = log10(value * (1 + 1e-12)).rounded(.down)
        return "\(tick(value / pow(10, exponent)))e\(Int(exponent))"
    }

    /// `12 s`, `3:05`, `1:02:03`
    public static func duration(_ seconds: Double) -> String {
        guard seconds >= 0, seconds < 1e9 else { return "" }
        let whole = Int(seconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
        return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
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
