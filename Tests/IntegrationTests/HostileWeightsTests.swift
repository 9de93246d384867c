import Foundation
import Testing

/// Weight files that are missing, cut or lie: refused by name, without a crash and without reserving what they ask for.
@Suite(.serialized) struct HostileWeightsTests {
    /// What is done to `model.safetensors`.
    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let apply: @Sendable (Data) throws -> Data?
    }

    static let damages = [
        Damage(testDescription: "the file is missing") { _ in nil },
        Damage(testDescription: "the file is empty") { _ in Data() },
        Damage(testDescription: "the file is cut in the middle of its header") { $0.prefix(200) },
        Damage(testDescription: "the file is cut in the middle of its data") { $0.prefix($0.count - 1000) },
        Damage(testDescription: "the header claims gigabytes") { littleEndian(1 << 40) + $0.dropFirst(8) },
        Damage(testDescription: "the header's length is the largest number") {
            littleEndian(UInt64.max) + $0.dropFirst(8)
        },
        Damage(testDescription: "the header is not JSON") { bytes in
            bytes.prefix(8) + Data(repeating: 0x7b, count: 64) + bytes.dropFirst(72)
        },
        Damage(testDescription: "a tensor ends beyond the file") {
            try replacingHeader(of: $0) { header in
                let pattern = try Regex(#""data_offsets":\[\d+,\d+\]"#)
                return header.replacing(
                    pattern, with: #""data_offsets":[0,900000000000]"#, maxReplacements: 1)
            }
        },
        Damage(testDescription: "a shape overflows") {
            try replacingHeader(of: $0) { header in
                let pattern = try Regex(#""shape":\[\d+,\d+\]"#)
                return header.replacing(
                    pattern, with: #""shape":[4611686018427387904,4611686018427387904]"#, maxReplacements: 1)
            }
        },
        Damage(testDescription: "a shape is negative") {
            try replacingHeader(of: $0) { header in
                let pattern = try Regex(#""shape":\[\d+,\d+\]"#)
                return header.replacing(pattern, with: #""shape":[-384,32]"#, maxReplacements: 1)
            }
        },
        Damage(testDescription: "a tensor is missing") {
            try replacingHeader(of: $0) { $0.replacing("model.norm.weight", with: "model.form.weight") }
        },
    ]

    @Test("a damaged weight file is refused by name before the first step", arguments: damages)
    func refusesDamagedWeights(damage: Damage) throws {
        let scratch = try Scratch()
        let base = try TinyRun.copyOfBase(in: scratch)
        let weights = base.appendingPathComponent("model.safetensors")
        let original = try Data(contentsOf: weights)
        try FileManager.default.removeItem(at: weights)
        if let damaged = try damage.apply(original) { try damaged.write(to: weights) }

        let config = try TinyRun(base: base.path).write(to: scratch)
        let outcome = try Shoal.run(
            ["train", config, "--workers", "2", "--output", scratch.path("run")], in: scratch)
        #expect([64, 65, 74].contains(outcome.status), "\(outcome)")
        #expect(
            outcome.errors.contains("model.safetensors") || outcome.errors.contains("model.norm.weight"),
            "\(outcome)")
        #expect(!RunFolder("run", in: scratch).hasAdapter)
        #expect(Shoal.eventually(within: 7) { scratch.processes().isEmpty }, "workers were left behind")
    }

    private static func littleEndian(_ value: UInt64) -> Data {
        Data((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    /// The file with its JSON header changed and the header's length set right.
    private static func replacingHeader(of file: Data, _ change: (String) throws -> String) throws -> Data {
        let bytes = [UInt8](file)
        let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let header = try #require(String(bytes: bytes[8..<8 + length], encoding: .utf8))
        let changed = Data(try change(header).utf8)
        try #require(changed != Data(header.utf8), "the damage changed nothing")
        return littleEndian(UInt64(changed.count)) + changed + Data(bytes[(8 + length)...])
    }
}
