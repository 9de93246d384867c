import Tensors
import WeightFiles

/// safetensors files: every accepted tensor lies in the file and can be read.
public final class SafetensorsTarget: FuzzTarget {
    public static let name = "safetensors"
    public let corpus: [FuzzInput]
    public let words = SafetensorsBytes.words
    private let workspace: FuzzWorkspace

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        let made = [
            #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
                + #""b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"I64","shape":[],"data_offsets":[32,40]}}"#,
            #"{"x":{"dtype":"F16","shape":[0,7],"data_offsets":[0,0]},"é\u00e9":{"dtype":"F64","shape":[5],"data_offsets":[0,40]}}"#,
            #"{"w":{"shape":[40],"data_offsets":[0,40],"dtype":"U8"}} "#,
        ].map { SafetensorsBytes.join(Array($0.utf8), [UInt8](repeating: 0x3C, count: 40)) }
        corpus =
            try workspace.stored(Self.name)
            + made.map { FuzzInput([.init("model.safetensors", $0)]) }
            + [
                FuzzInput([
                    .init("model.safetensors", try workspace.fixture("peft/saved/adapter_model.safetensors"))
                ])
            ]
    }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        SafetensorsBytes.mutate(&input.parts[0].bytes, other: other.parts[0].bytes, &mutator)
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        let path = try workspace.write("model.safetensors", input.parts[0].bytes)
        guard let file = try? SafetensorsFile(path: path) else { return false }
        try Self.check(file, byteCount: input.parts[0].bytes.count)
        return true
    }

    /// Whether what the file says of its tensors holds.
    static func check(_ file: some WeightFile, byteCount: Int) throws(FuzzFailure) {
        for tensor in file.tensors {
            guard tensor.byteOffset >= 0, tensor.byteCount >= 0, tensor.byteOffset <= byteCount,
                tensor.byteCount <= byteCount - tensor.byteOffset
            else { throw FuzzFailure("tensor '\(tensor.name)' lies outside of the file") }
            guard file.bytes(of: tensor).count == tensor.byteCount else {
                throw FuzzFailure("tensor '\(tensor.name)' has other bytes than it says")
            }
            guard let values = try? file.floats(of: tensor) else { continue }
            guard Vector(values).count == tensor.elementCount else {
                throw FuzzFailure("tensor '\(tensor.name)' has other values than it says")
            }
        }
    }
}

/// The parts of a safetensors file.
enum SafetensorsBytes {
    static let words = [
        "__metadata__", "format", "pt", "dtype", "shape", "data_offsets", "F32", "F16", "BF16", "F64", "I64",
        "U8", "BOOL",
        "F8_E4M3", "[0,0]", "[1]", "[]", ",", ":", "{}", "\"a\":{}", "\\u0000", "\\ud800", "é",
    ].map { Array($0.utf8) }

    static func join(_ header: [UInt8], _ data: [UInt8]) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
    }

    /// Half of the time the header alone, with its length set right; else any byte.
    static func mutate(_ bytes: inout [UInt8], other: [UInt8], _ mutator: inout FuzzMutator) {
        let length = bytes.count < 8 ? 0 : (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        guard mutator.random.oneIn(2), bytes.count >= 8, length <= bytes.count - 8 else {
            return mutator.mutate(&bytes, other: other, words: [])
        }
        var header = Array(bytes[8..<8 + length])
        let data = Array(bytes[(8 + length)...])
        mutator.mutate(&header, other: Array(other.dropFirst(8)), words: words)
        bytes = join(header, data)
    }
}
