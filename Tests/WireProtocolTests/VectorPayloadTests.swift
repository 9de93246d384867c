import Tensors
import Testing
import WireProtocol

@Suite struct VectorPayloadTests {
    @Test("elements come back with their bits, and nothing beside them is written")
    func roundTrip() throws {
        let values: [Float] = [
            1, -0.0, .infinity, .leastNonzeroMagnitude, Float(bitPattern: 0x7F80_0001), 3.5,
        ]
        let vector = Vector(values)[1..<6]
        let (bytes, checksum) = VectorPayload.encode(vector)
        #expect(bytes.count == 20)
        #expect(bytes[4..<8] == [0, 0, 0x80, 0x7F])
        let destination = Vector(zeros: 7)
        try VectorPayload.read(bytes, checksum: checksum, into: destination[2..<7])
        #expect(destination.toArray().map(\.bitPattern) == [0, 0] + values[1...].map(\.bitPattern))
    }

    @Test("a wrong length or a flipped bit leaves the destination as it was")
    func refusals() throws {
        let (bytes, checksum) = VectorPayload.encode(Vector([1, 2, 3]))
        let destination = Vector([7, 7, 7])
        var damaged = bytes
        damaged[5] ^= 1
        let checksumError = #expect(throws: WireProtocolError.self) {
            try VectorPayload.read(damaged, checksum: checksum, into: destination)
        }
        #expect(checksumError?.code == .checksum)
        let lengthError = #expect(throws: WireProtocolError.self) {
            try VectorPayload.read(Array(bytes.dropLast()), checksum: checksum, into: destination)
        }
        #expect(lengthError?.code == .malformed)
        #expect(destination.toArray() == [7, 7, 7])
    }
}
