import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct GGUFWriterTests {
    @Test("what is written is read back: values, shapes, metadata, tensors at multiples of 32 bytes")
    func readBack() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).gguf").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let values = (0..<15).map { Float($0) / 4 }
        try GGUFWriter.write(
            metadata: [("general.architecture", .string("llama")), ("a", .float32(1.5)), ("n", .uint32(7))],
            tensors: [
                .init(name: "one", shape: [3, 5], values: Vector(values)),
                .init(name: "two", shape: [2], values: Vector([-1, 2])),
            ], to: path)
        let file = try GGUFFile(path: path)
        #expect(file.architecture == "llama" && file.metadata["a"]?.number == 1.5)
        #expect(file.metadata["n"]?.integer == 7)
        let one = try file.requireTensor(named: "one")
        let two = try file.requireTensor(named: "two")
        #expect(
            one.shape == [3, 5] && two.shape == [2] && one.byteOffset % 32 == 0 && two.byteOffset % 32 == 0)
        #expect(Vector(try file.floats(of: one)).toArray() == values)
        #expect(Vector(try file.floats(of: two)).toArray() == [-1, 2])
    }

    @Test("rounding to 16 bits takes the nearest, ties to even, and comes back")
    func rounding() {
        for bits in stride(from: UInt16(0), to: 0x7C00, by: 7) {
            let value = FloatConversion.float16(bits)
            #expect(FloatConversion.float16Bits(value) == bits)
        }
        for bits in stride(from: UInt16(0), to: 0x7F80, by: 7) {
            let value = FloatConversion.bfloat16(bits)
            #expect(FloatConversion.bfloat16Bits(value) == bits)
            // Half way to the next: to the even one.
            let middle = Float(bitPattern: value.bitPattern + 0x8000)
            #expect(FloatConversion.bfloat16Bits(middle) == bits + bits % 2)
            #expect(FloatConversion.bfloat16Bits(Float(bitPattern: middle.bitPattern + 1)) == bits + 1)
        }
        #expect(FloatConversion.float16Bits(70000) == 0x7C00)
        #expect(FloatConversion.bfloat16(FloatConversion.bfloat16Bits(.nan)).isNaN)
    }
}
