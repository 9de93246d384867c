import DurableFiles
import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct GGUFFileTests {
    private let golden: [UInt8]

    init() throws { golden = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("metadata.gguf")))) }

    private func string(_ text: String) -> [UInt8] {
        littleEndian(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    /// A GGUF header with these keys and tensor records (already encoded) and some data.
    private func gguf(
        version: UInt32 = 3, tensors: [[UInt8]] = [], keys: [[UInt8]] = [], dataCount: Int = 0
    ) -> [UInt8] {
        var bytes = Array("GGUF".utf8) + littleEndian(version)
        bytes += littleEndian(UInt64(tensors.count)) + littleEndian(UInt64(keys.count))
        bytes += (keys + tensors).flatMap { $0 }
        return bytes + [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32 + dataCount)
    }

    private func key(_ name: String, type: UInt32, _ value: [UInt8]) -> [UInt8] {
        string(name) + littleEndian(type) + value
    }

    private func record(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0)
        -> [UInt8]
    {
        string(name) + littleEndian(UInt32(dimensions.count)) + dimensions.flatMap { littleEndian($0) }
            + littleEndian(type) + littleEndian(offset)
    }

    private func failure(_ bytes: [UInt8]) throws -> WeightFileError? {
        let directory = try TemporaryDirectory()
        let path = try directory.write(bytes)
        let error = #expect(throws: WeightFileError.self) { try GGUFFile(path: path) }
        #expect(error?.message.hasPrefix(path) == true)
        return error
    }

    @Test(arguments: [UInt8(2), 3]) func readsEveryTypeOfMetadata(version: UInt8) throws {
        // Versions 2 and 3 differ in nothing but the number, for little-endian files.
        var bytes = golden
        bytes[4] = version
        let directory = try TemporaryDirectory()
        let file = try GGUFFile(path: directory.write(bytes))
        #expect(file.version == Int(version))
        #expect(file.architecture == "llama")
        let expected: [String: GGUFValue] = [
            "test.uint8": .unsigned(255), "test.int8": .signed(-128),
            "test.uint16": .unsigned(65535), "test.int16": .signed(-32768),
            "test.uint32": .unsigned(UInt64(UInt32.max)), "test.int32": .signed(Int64(Int32.min)),
            "test.uint64": .unsigned(.max), "test.int64": .signed(.min),
            "test.float32": .float32(0.1), "test.float64": .float64(0.1),
            "test.bool": .boolean(true), "test.string": .string("Grüße, 世界"),
            "test.strings": .strings(["", "a", "Ġb"]), "test.integers": .integers([1, -2, 3]),
            "test.floats": .floats([0.5, -1.5]), "test.booleans": .booleans([true, false]),
            "test.arrays": .arrays([.integers([1, 2]), .integers([3])]),
        ]
        for (key, value) in expected { #expect(file.metadata[key] == value, "\(key)") }
        #expect(file.keys.count == expected.count + 1)
    }

    @Test func tensorsHaveTheirOutermostDimensionFirst() throws {
        let file = try GGUFFile(path: fixture("metadata.gguf"))
        #expect(file.tensors.map(\.name) == ["plain", "blocks"])
        let plain = try file.requireTensor(named: "plain", shape: [2, 3])
        #expect(Vector(try file.floats(of: plain)).toArray() == [0, 1, 2, 3, 4, 5])
        #expect(try file.requireTensor(named: "blocks", shape: [3, 128]).elementType == .q41)
        #expect(GGUFFile.isGGUF(path: fixture("metadata.gguf")))
        #expect(!GGUFFile.isGGUF(path: fixture("upstream.safetensors")))
    }

    @Test func everyCutOfAGoodFileIsAnError() throws {
        let directory = try TemporaryDirectory()
        // The last tensor ends before the padding at the end of the file.
        let end = try #require(GGUFFile(path: fixture("metadata.gguf")).tensors.last).byteRange.upperBound
        for length in 0..<end {
            let path = try directory.write(Array(golden[..<length]))
            #expect(throws: WeightFileError.self, "\(length) bytes") { try GGUFFile(path: path) }
        }
    }

    @Test func otherVersionsAndByteOrdersAreRefusedByName() throws {
        #expect(try failure(gguf(version: 1))?.message.contains("GGUF version 1") == true)
        #expect(try failure(gguf(version: 4))?.message.contains("GGUF version 4") == true)
        #expect(try failure(gguf(version: UInt32(3).byteSwapped))?.message.contains("big-endian") == true)
        #expect(try failure(Array("GGML0000".utf8))?.code == .malformed)
    }

    @Test func announcedLengthsBeyondTheFileAreErrors() throws {
        let huge = littleEndian(UInt64.max)
        let start = Array("GGUF".utf8) + littleEndian(UInt32(3))
        #expect(try failure(start + huge + littleEndian(UInt64(0)))?.code == .malformed)
        #expect(try failure(start + littleEndian(UInt64(0)) + huge)?.code == .malformed)
        #expect(try failure(gguf(keys: [huge + Array("key".utf8)]))?.code == .malformed)
        #expect(try failure(gguf(keys: [key("k", type: 8, huge)], dataCount: 64))?.code == .malformed)
        for type in UInt32(0)...12 {
            let value = littleEndian(type) + littleEndian(UInt64(1) << 60)
            #expect(try failure(gguf(keys: [key("k", type: 9, value)], dataCount: 64))?.code == .malformed)
        }
    }

    @Test func brokenMetadataIsAnErrorThatNamesTheKey() throws {
        let one = key("twice", type: 0, [1])
        #expect(try failure(gguf(keys: [one, one]))?.message.contains("'twice' twice") == true)
        #expect(try failure(gguf(keys: [key("odd", type: 13, [1])]))?.message.contains("'odd'") == true)
        #expect(try failure(gguf(keys: [key("flag", type: 7, [2])]))?.message.contains("'flag'") == true)
        let notText = key("text", type: 8, littleEndian(UInt64(2)) + [0xC3, 0x28])
        #expect(try failure(gguf(keys: [notText]))?.message.contains("'text' is not UTF-8") == true)
        let nested = (0..<6).flatMap { _ in littleEndian(UInt32(9)) + littleEndian(UInt64(1)) }
        let deep = key("deep", type: 9, nested + littleEndian(UInt32(0)) + littleEndian(UInt64(0)))
        #expect(try failure(gguf(keys: [deep]))?.message.contains("'deep' nests") == true)
        let alignment = key("general.alignment", type: 4, littleEndian(UInt32(33)))
        #expect(try failure(gguf(keys: [alignment]))?.message.contains("general.alignment is 33") == true)
    }

    @Test func brokenTensorsAreErrorsThatNameTheTensor() throws {
        let good = record("x", [4])
        let cases: [([[UInt8]], WeightFileError.Code)] = [
            ([good, good], .malformed),
            ([good, record("y", [4])], .malformed),
            ([record("x", [4], offset: 4)], .malformed),
            ([record("x", [4], offset: 64)], .truncated),
            ([record("x", [100])], .truncated),
            ([record("x", [.max])], .malformed),
            ([record("x", [1 << 32, 1 << 32])], .malformed),
            ([record("x", [1 << 61])], .malformed),
            ([record("x", [4], offset: .max)], .malformed),
            ([record("x", [4], offset: UInt64(Int64.max) - 31)], .truncated),
            ([record("x", [1, 1, 1, 1, 1])], .malformed),
            ([record("x", [16], type: 2)], .malformed),
            ([record("x", [256], type: 10)], .unsupported),
            ([record("x", [32], type: 99)], .unsupported),
        ]
        for (tensors, code) in cases {
            let error = try failure(gguf(tensors: tensors, dataCount: 64))
            #expect(error?.code == code, "\(error?.message ?? "")")
            #expect(error?.tensor != nil)
        }
        #expect(try failure(gguf(tensors: [record("x", [256], type: 10)]))?.message.contains("Q2_K") == true)
    }

    @Test func randomlyDamagedFilesNeverTrap() throws {
        let directory = try TemporaryDirectory()
        let noise = pseudoRandomBytes(seed: 43, count: 4000)
        for round in 0..<600 {
            var bytes = golden
            for change in 0..<3 {
                let place = Int(noise[round * 6 + change * 2]) * 256 + Int(noise[round * 6 + change * 2 + 1])
                bytes[place % bytes.count] = noise[(place + round) % noise.count]
            }
            guard let file = try? GGUFFile(path: directory.write(bytes)) else { continue }
            for tensor in file.tensors { #expect(file.bytes(of: tensor).count == tensor.byteCount) }
        }
    }
}
