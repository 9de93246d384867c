import Foundation
import Testing
import ZeroMQ

@Suite struct CurveKeysTests {
    /// RFC 32's and zmq_curve_keypair(3)'s own example pair.
    private static let examplePublic = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    private static let exampleSecret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

    private func temporaryDirectory() throws -> URL {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    @Test("the pair of the manual page of zmq_curve is recognised")
    func examplePair() throws {
        let keys = try CurveKeys(secretKey: Self.exampleSecret)
        #expect(keys.publicKey.text == Self.examplePublic)
        #expect(!"\(keys)".contains(Self.exampleSecret))
    }

    @Test("generated pairs differ, and each secret key yields its public key")
    func generate() throws {
        let first = try CurveKeys.generate()
        let second = try CurveKeys.generate()
        #expect(first != second)
        #expect(try CurveKeys(secretKey: first.secretKey) == first)
        #expect(throws: ZMQError.self) {
            try CurveKeys(publicKey: second.publicKey, secretKey: first.secretKey)
        }
    }

    @Test(
        "a text that is no key is refused",
        arguments: [
            "", "short", String(repeating: "a", count: 41), String(repeating: "#", count: 40),
            "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\"", String(repeating: "é", count: 20),
        ])
    func refusesText(_ text: String) {
        let error = #expect(throws: ZMQError.self) { try CurvePublicKey(text) }
        #expect(error?.code == .invalidKey)
        #expect(throws: ZMQError.self) { try CurveKeys(secretKey: text) }
    }

    @Test("a key file has mode 0600 whatever the umask and comes back equal")
    func keyFileRoundTrip() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("coordinator.key_secret").path
        let keys = try CurveKeys.generate()
        try keys.write(to: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try CurveKeys(contentsOf: path) == keys)
        #expect(try CurvePublicKey(contentsOf: path) == keys.publicKey)
        // Nothing but the file is left behind.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["coordinator.key_secret"])
    }

    @Test("a secret key file that others may read is refused", arguments: [0o640, 0o604, 0o660, 0o644])
    func refusesOpenFile(mode: Int) throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("worker.key_secret").path
        try CurveKeys.generate().write(to: path)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        let error = #expect(throws: ZMQError.self) { try CurveKeys(contentsOf: path) }
        #expect(error?.code == .invalidKey)
        #expect(error?.message.contains("chmod 600 \(path)") == true)
    }

    @Test("a certificate as pyzmq writes it is read, a damaged one is named")
    func certificates() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("k").path
        func write(_ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        try write(
            """
            #   ****  Generated on 2024-01-01 by pyzmq  ****
            metadata
            curve
                public-key = "\(Self.examplePublic)"
                secret-key = "\(Self.exampleSecret)"
            """)
        #expect(try CurveKeys(contentsOf: path).secretKey == Self.exampleSecret)
        try write("curve\n    public-key = \"\(Self.examplePublic)\"\n")
        #expect(throws: ZMQError.self) { try CurveKeys(contentsOf: path) }
        try write("curve\n    public-key = \"\(Self.examplePublic)\"\n    secret-key = \"oops\"\n")
        let error = #expect(throws: ZMQError.self) { try CurveKeys(contentsOf: path) }
        #expect(error?.message.hasPrefix(path) == true)
        #expect(error?.message.contains("oops") == false)
    }
}
