import DurableFiles
import Foundation
import Testing

@Suite struct DigestTests {
    // FIPS 180-4, appendix examples.
    static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test func agreesWithThePublishedExamples() {
        #expect(Digest.sha256("abc").hex == DigestTests.abc)
        #expect(Digest.sha256([UInt8]()).hex == DigestTests.empty)
    }

    @Test func piecesGiveTheDigestOfTheWhole() {
        var stream = DigestStream()
        stream.update("a")
        stream.update([UInt8]())
        stream.update("bc")
        #expect(stream.finish().hex == DigestTests.abc)
        #expect(stream.finish().hex == DigestTests.abc)
    }

    @Test func aFileHasTheDigestOfItsBytes() throws {
        let directory = try TemporaryDirectory()
        let bytes = (0..<2_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try AtomicFile.write(bytes, to: directory.file("weights"))
        #expect(try Digest.sha256(ofFile: directory.file("weights")) == .sha256(bytes))
        let error = #expect(throws: DurableFileError.self) {
            try Digest.sha256(ofFile: directory.file("none"))
        }
        #expect(error?.code == .notFound)
    }

    @Test func hexadecimalAndJSONComeBackTheSame() throws {
        let digest = Digest.sha256("abc")
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        let json = try JSONEncoder().encode([digest])
        #expect(String(decoding: json, as: UTF8.self) == "[\"\(DigestTests.abc)\"]")
        #expect(try JSONDecoder().decode([Digest].self, from: json) == [digest])
    }

    @Test(arguments: ["", "ba78", DigestTests.abc + "00", String(DigestTests.abc.dropLast()) + "g"])
    func otherTextIsNoDigest(_ text: String) {
        #expect(Digest(hex: text) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Digest].self, from: Data("[\"\(text)\"]".utf8))
        }
    }
}
