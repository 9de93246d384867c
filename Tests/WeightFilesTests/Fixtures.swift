import DurableFiles
import Foundation
import Tensors
import WeightFiles

/// The path of a golden file of these tests.
func fixture(_ name: String, source: String = #filePath) -> String {
    let tests = URL(fileURLWithPath: source).deletingLastPathComponent().deletingLastPathComponent()
    return tests.appendingPathComponent("Fixtures/weights/" + name).path
}

/// A directory that lives as long as the object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shoal-weights-" + UUID().uuidString
        try AtomicDirectory.createDirectory(path)
    }

    deinit { try? AtomicDirectory.remove(path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file and returns its path.
    func write(_ bytes: [UInt8], _ name: String = "file") throws -> String {
        try AtomicFile.write(bytes, to: file(name))
        return file(name)
    }
}

/// A safetensors file with this JSON as its header and `dataCount` zeros behind it.
func safetensorsBytes(header: String, dataCount: Int) -> [UInt8] {
    littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 0, count: dataCount)
}

func littleEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: value >> (8 * Number($0))) }
}

/// Knuth's 64-bit linear congruential generator, upper bytes; as in make_weight_goldens.py.
func pseudoRandomBytes(seed: UInt64, count: Int) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}
