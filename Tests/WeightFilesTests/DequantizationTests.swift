import DurableFiles
import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct DequantizationTests {
    private static let blockTypes: [ElementType] = [.q40, .q41, .q50, .q51, .q80, .q4K, .q5K, .q6K]

    private func expand(_ bytes: [UInt8], _ type: ElementType) -> Vector {
        let values = Vector(zeros: bytes.count / type.blockByteCount * type.blockElementCount)
        Dequantization.expand(unsafe bytes.span.bytes, elementType: type, into: values)
        return values
    }

    @Test(arguments: blockTypes) func everyValueHasTheBitsOfTheReference(_ type: ElementType) throws {
        let golden = try SafetensorsFile(path: fixture("dequantize.safetensors"))
        let blocks = golden.bytes(of: try golden.requireTensor(named: "\(type.rawValue).blocks"))
        let expected = try golden.floats(of: golden.requireTensor(named: "\(type.rawValue).values"))
        let values = expand(blocks, type)
        try #require(values.count == expected.count && values.count == 12 * type.blockElementCount)
        let differing = (0..<values.count).filter {
            values[$0].bitPattern != Vector(expected)[$0].bitPattern
        }
        #expect(differing.isEmpty, "first at \(differing.first ?? -1)")
    }

    @Test func hundredsOfRandomBlocksHaveTheBitsOfTheReference() throws {
        let json = try Data(contentsOf: URL(fileURLWithPath: fixture("dequantize-digests.json")))
        let digests = try JSONDecoder().decode([String: Digest].self, from: json)
        let types: [ElementType] = [.float32, .float16, .bfloat16] + DequantizationTests.blockTypes
        #expect(digests.count == types.count)
        for (index, type) in types.enumerated() {
            let bytes: [UInt8] =
                type == .float16 || type == .bfloat16
                ? (0...UInt16.max).flatMap { littleEndian($0) }
                : pseudoRandomBytes(seed: 1001 + UInt64(index), count: 512 * type.blockByteCount)
            var stream = DigestStream()
            let values = expand(bytes, type).toArray()
            // As in the script: which NaN it is depends on the processor.
            stream.update(values.flatMap { littleEndian($0.isNaN ? 0x7FC0_0000 : $0.bitPattern) })
            #expect(stream.finish() == digests[type.rawValue], "\(type.rawValue)")
        }
    }

    @Test func partsOfATensorAreTheSameAsTheWhole() throws {
        let file = try GGUFFile(path: fixture("metadata.gguf"))
        let tensor = try file.requireTensor(named: "blocks", shape: [3, 128])
        let whole = Vector(try file.floats(of: tensor)).toArray()
        let part = Vector(zeros: 128)
        try file.expand(tensor, elements: 128..<256, into: part)
        #expect(part.toArray().map(\.bitPattern) == whole[128..<256].map(\.bitPattern))
    }
}
