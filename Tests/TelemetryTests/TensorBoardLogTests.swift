import Foundation
import Telemetry
import Testing

@Suite struct TensorBoardLogTests {
    @Test("CRC-32C has its published check value")
    func checksum() { #expect(CRC32C.of(Array("123456789".utf8)) == 0xe306_9283) }

    @Test("records are framed with their masked checksums, and a second file does not replace the first")
    func frames() throws {
        let directory = NSTemporaryDirectory() + "shoal-tensorboard-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let start = Date(timeIntervalSince1970: 1_700_000_000)
        let log = try TensorBoardLog(directory: directory, startedAt: start)
        try log.append(step: 300, [("train/loss", 1.5)], at: start)
        _ = try TensorBoardLog(directory: directory, startedAt: start)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        #expect(names.count == 2)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(directory)/\(names[0])")))
        var records: [[UInt8]] = []
        var at = 0
        while at + 12 <= bytes.count {
            let length = (0..<8).reduce(0) { $0 | Int(bytes[at + $1]) << ($1 * 8) }
            let data = Array(bytes[(at + 12)..<(at + 12 + length)])
            for (part, place) in [(Array(bytes[at..<(at + 8)]), at + 8), (data, at + 12 + length)] {
                let checksum = CRC32C.of(part)
                let masked = ((checksum >> 15) | (checksum << 17)) &+ 0xa282_ead8
                #expect((0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << ($1 * 8) } == masked)
            }
            records.append(data)
            at += length + 16
        }
        #expect(at == bytes.count && records.count == 2)
        // wall_time 1.7e9, then file_version "brain.Event:2".
        let time: [UInt8] = [0x09, 0, 0, 0, 0x40, 0xFC, 0x54, 0xD9, 0x41]
        #expect(records[0] == time + [0x1A, 13] + Array("brain.Event:2".utf8))
        // step 300 as a varint; summary { value { tag, simple_value 1.5 } }.
        let value: [UInt8] = [0x0A, 10] + Array("train/loss".utf8) + [0x15, 0, 0, 0xC0, 0x3F]
        let summary: [UInt8] = [0x0A, UInt8(value.count)] + value
        #expect(records[1] == time + [0x10, 0xAC, 0x02, 0x2A, UInt8(summary.count)] + summary)
    }
}
