/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable, Equatable {
    case unsigned(UInt64)
    case signed(Int64)
    case float32(Float)
    case float64(Double)
    case boolean(Bool)
    case string(String)
    /// An array of any integer type.
    case integers([Int64])
    /// An array of Float32 or Float64.
    case floats([Double])
    case booleans([Bool])
    case strings([String])
    /// An array of arrays.
    case arrays([GGUFValue])

    /// The value as an integer, if it is one that fits.
    public var integer: Int? {
        switch self {
        case .unsigned(let value): Int(exactly: value)
        case .signed(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value as a number: any integer, Float32 (widened) or Float64.
    public var number: Double? {
        switch self {
        case .unsigned(let value): Double(value)
        case .signed(let value): Double(value)
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: nil
        }
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    public var strings: [String]? { if case .strings(let values) = self { values } else { nil } }
    public var integers: [Int64]? { if case .integers(let values) = self { values } else { nil } }
    public var floats: [Double]? { if case .floats(let values) = self { values } else { nil } }

    /// A short text for listings: arrays are counted, strings cut at 60 characters.
    public var summary: String {
        switch self {
        case .unsigned(let value): String(value)
        case .signed(let value): String(value)
        case .float32(let value): String(value)
        case .float64(let value): String(value)
        case .boolean(let value): String(value)
        case .string(let value):
            value.count > 60
                ? "\(value.prefix(60).debugDescription)… (\(value.count) characters)" : value.debugDescription
        case .integers(let values): "\(values.count) integers"
        case .floats(let values): "\(values.count) numbers"
        case .booleans(let values): "\(values.count) booleans"
        case .strings(let values): "\(values.count) strings"
        case .arrays(let values): "\(values.count) arrays"
        }
    }
}
