/// How the elements of a tensor are stored.
public enum ElementType: String, Sendable, Hashable, CaseIterable, Codable {
    // Safetensors
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint64 = "U64"
    case uint32 = "U32"
    case uint16 = "U16"
    case uint8 = "U8"
    case boolean = "BOOL"
    // GGUF blocks: Q4_0, Q4_1 …
    case q40 = "Q4_0"
    case q41 = "Q4_1"
    case q50 = "Q5_0"
    case q51 = "Q5_1"
    case q80 = "Q8_0"
    case q4K = "Q4_K"
    case q5K = "Q5_K"
    case q6K = "Q6_K"

    /// Elements stored together; 1 for plain numbers.
    public var blockElementCount: Int {
        switch self {
        case .q40, .q41, .q50, .q51, .q80: 32
        case .q4K, .q5K, .q6K: 256
        default: 1
        }
    }

    /// Bytes of a block. GGUF's sizes are those of ggml's `block_q4_0` … structures.
    public var blockByteCount: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .int8, .uint8, .boolean: 1
        case .q40: 18
        case .q41: 20
        case .q50: 22
        case .q51: 24
        case .q80: 34
        case .q4K: 144
        case .q5K: 176
        case .q6K: 210
        }
    }

    /// Whether values of this type can be expanded to Float32.
    public var isExpandable: Bool {
        switch self {
        case .float32, .float16, .bfloat16: true
        default: blockElementCount > 1
        }
    }

    /// Whether safetensors files may hold it.
    var isSafetensorsType: Bool { blockElementCount == 1 }

    /// GGUF's `ggml_type` numbers of the types this program reads.
    init?(ggmlType: UInt32) {
        switch ggmlType {
        case 0: self = .float32
        case 1: self = .float16
        case 2: self = .q40
        case 3: self = .q41
        case 6: self = .q50
        case 7: self = .q51
        case 8: self = .q80
        case 12: self = .q4K
        case 13: self = .q5K
        case 14: self = .q6K
        case 24: self = .int8
        case 25: self = .int16
        case 26: self = .int32
        case 27: self = .int64
        case 28: self = .float64
        case 30: self = .bfloat16
        default: return nil
        }
    }

    /// The name of a `ggml_type` that is not read here, for the error (ggml.h of llama.cpp).
    static func ggmlTypeName(_ ggmlType: UInt32) -> String {
        let names: [UInt32: String] = [
            9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
            19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0",
            35: "TQ2_0", 39: "MXFP4",
        ]
        return names[ggmlType] ?? "number \(ggmlType)"
    }
}
