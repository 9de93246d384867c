import DurableFiles
import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct SafetensorsFileTests {
    @Test func readsWhatTheReferenceImplementationWrote() throws {
        let file = try SafetensorsFile(path: fixture("upstream.safetensors"))
        #expect(file.metadata == ["format": "pt"])
        #expect(file.tensors.map(\.name) == ["a \"quoted\"\\name\n", "b.weight", "größe", "scalar"])
        let weight = try file.requireTensor(named: "b.weight", shape: [2, 3])
        #expect(Vector(try file.floats(of: weight)).toArray() == (0..<6).map { Float($0) / 3 })
        let quoted = Vector(try file.floats(of: file.requireTensor(named: "a \"quoted\"\\name\n"))).toArray()
        #expect(quoted.map(\.bitPattern) == [0x3FC0_0000, 0x8000_0000])
        #expect(try file.floats(of: file.requireTensor(named: "größe", shape: [0, 4])).count == 0)
        #expect(try file.requireTensor(named: "scalar").shape == [])
    }

    @Test func missingAndMismatchedTensorsAreNamed() throws {
        let file = try SafetensorsFile(path: fixture("upstream.safetensors"))
        let missing = #expect(throws: WeightFileError.self) {
            try file.requireTensor(named: "lm_head.weight")
        }
        #expect(missing?.code == .missingTensor)
        #expect(missing?.tensor == "lm_head.weight")
        let shape = #expect(throws: WeightFileError.self) {
            try file.requireTensor(named: "b.weight", shape: [3, 2])
        }
        #expect(shape?.code == .mismatch)
        #expect(shape?.message.contains("has shape [2, 3], expected [3, 2]") == true)
    }

    @Test func integersHaveNoFloat32Values() throws {
        let directory = try TemporaryDirectory()
        let header = #"{"x":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#
        let file = try SafetensorsFile(path: directory.write(safetensorsBytes(header: header, dataCount: 8)))
        let error = #expect(throws: WeightFileError.self) { try file.floats(of: file.tensors[0]) }
        #expect(error?.code == .mismatch)
    }

    @Test func valuesThatAreNotAlignedAreCopied() throws {
        let directory = try TemporaryDirectory()
        let header = #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} "#
        var bytes = safetensorsBytes(header: header, dataCount: 0)
        #expect(bytes.count % 4 != 0)
        bytes += littleEndian(Float(0.1).bitPattern)
        let file = try SafetensorsFile(path: directory.write(bytes))
        #expect(Vector(try file.floats(of: file.tensors[0])).toArray() == [0.1])
    }

    @Test(arguments: [
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "truncated"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 12, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#, 8, "malformed"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}"#, 8, "truncated"),
        (#"{"x":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}"#, 8, "unsupported"),
        (#"{"x":{"dtype":"Q4_0","shape":[32],"data_offsets":[0,18]}}"#, 18, "unsupported"),
        (
            #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12, "malformed"
        ),
        (
            #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8, "malformed"
        ),
        (
            #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12, "malformed"
        ),
        (#"{"__metadata__":{"a":"1","a":"2"}}"#, 0, "malformed"),
        (#"{"__metadata__":{"a":1}}"#, 0, "malformed"),
        ("{\"\u{1}\":1}", 0, "malformed"),
        (#"{"\ud800":1}"#, 0, "malformed"),
        ("[]", 0, "malformed"),
        ("", 0, "malformed"),
    ])
    func hostileHeadersAreErrorsThatNameTheFile(header: String, dataCount: Int, code: String) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(safetensorsBytes(header: header, dataCount: dataCount))
        let error = #expect(throws: WeightFileError.self) { try SafetensorsFile(path: path) }
        #expect(error?.code.rawValue == code, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix(path) == true)
    }

    @Test(arguments: [UInt64(100), 1 << 30, 1 << 62, .max])
    func aHeaderLongerThanTheFileIsAnError(_ length: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(littleEndian(length) + Array("{}".utf8))
        let error = #expect(throws: WeightFileError.self) { try SafetensorsFile(path: path) }
        #expect(error?.code == (length == 100 ? .truncated : .malformed))
    }

    @Test func everyCutOfAGoodFileIsAnError() throws {
        let directory = try TemporaryDirectory()
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("upstream.safetensors"))))
        for length in 0..<bytes.count {
            let path = try directory.write(Array(bytes[..<length]))
            #expect(throws: WeightFileError.self, "\(length) bytes") { try SafetensorsFile(path: path) }
        }
    }

    @Test func randomlyDamagedFilesNeverTrap() throws {
        let directory = try TemporaryDirectory()
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("upstream.safetensors"))))
        let noise = pseudoRandomBytes(seed: 42, count: 3000)
        for round in 0..<500 {
            var bytes = good
            for change in 0..<3 {
                let place =
                    Int(noise[(round * 6 + change * 2)]) * 256 + Int(noise[round * 6 + change * 2 + 1])
                bytes[place % bytes.count] = noise[(place + round) % noise.count]
            }
            let path = try directory.write(bytes)
            // Either an error, or tensors that all lie inside the file.
            guard let file = try? SafetensorsFile(path: path) else { continue }
            for tensor in file.tensors { #expect(file.bytes(of: tensor).count == tensor.byteCount) }
        }
    }

    @Test func aFileTruncatedInUseIsAnError() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("model.safetensors")
        let values = Vector(zeros: 1 << 16)
        try SafetensorsWriter.write([.init(name: "x", shape: [1 << 16], values: values)], to: path)
        let file = try SafetensorsFile(path: path)
        let floats = Vector(try file.floats(of: file.tensors[0]))
        try file.checkIntact()
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: 4096)
        #expect(floats[65_535] == 0)
        let error = #expect(throws: WeightFileError.self) { try file.checkIntact() }
        #expect(error?.code == .changed)
    }
}
