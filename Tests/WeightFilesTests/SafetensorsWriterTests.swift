import DurableFiles
import Foundation
import Tensors
import Testing
import WeightFiles

@Suite struct SafetensorsWriterTests {
    private let tensors: [SafetensorsWriter.Tensor] = [
        .init(name: "scalar", shape: [], values: Vector([2.5])),
        .init(name: "größe", shape: [0, 4], values: Vector(zeros: 0)),
        .init(name: "b.weight", shape: [2, 3], values: Vector((0..<6).map { Float($0) / 3 })),
        .init(name: "a \"quoted\"\\name\n", shape: [2], values: Vector([1.5, -0.0])),
    ]

    @Test func writesTheBytesOfTheReferenceImplementation() throws {
        let expected = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("upstream.safetensors"))))
        #expect(try SafetensorsWriter.bytes(tensors, metadata: ["format": "pt"]) == expected)
        #expect(try SafetensorsWriter.bytes(tensors.reversed(), metadata: ["format": "pt"]) == expected)
        let directory = try TemporaryDirectory()
        try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: directory.file("x"))
        #expect(Array(try Data(contentsOf: URL(fileURLWithPath: directory.file("x")))) == expected)
    }

    @Test func mixedTypesStayAlignedAndComeBack() throws {
        let directory = try TemporaryDirectory()
        let layout = try SafetensorsLayout([
            .init(name: "a", elementType: .uint8, shape: [3]),
            .init(name: "b", elementType: .float32, shape: [2]),
            .init(name: "c", elementType: .int64, shape: [1]),
        ])
        #expect(layout.entries.map(\.name) == ["c", "b", "a"])
        try SafetensorsWriter.write(layout, to: directory.file("x")) { entry, writer in
            try writer.write([UInt8](repeating: UInt8(entry.byteCount), count: entry.byteCount))
        }
        let file = try SafetensorsFile(path: directory.file("x"))
        #expect(file.file.byteCount == layout.byteCount)
        for tensor in file.tensors {
            #expect(tensor.byteOffset % tensor.elementType.blockByteCount == 0)
            #expect(
                file.bytes(of: tensor) == [UInt8](repeating: UInt8(tensor.byteCount), count: tensor.byteCount)
            )
        }
    }

    @Test func aTensorOfAnotherLengthThanAnnouncedLeavesNoFile() throws {
        let directory = try TemporaryDirectory()
        let layout = try SafetensorsLayout([.init(name: "a", shape: [3])])
        #expect(throws: WeightFileError.self) {
            try SafetensorsWriter.write(layout, to: directory.file("x")) { _, writer in
                try writer.write([1, 2, 3])
            }
        }
        #expect(!FileManager.default.fileExists(atPath: directory.file("x")))
    }

    @Test(arguments: [["a", "a"], ["__metadata__"]]) func namesMustBeUniqueAndFree(_ names: [String]) {
        #expect(throws: WeightFileError.self) {
            try SafetensorsLayout(names.map { .init(name: $0, shape: [1]) })
        }
    }
}
