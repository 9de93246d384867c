import Cluster
import Foundation
import Testing
import ZeroMQ

@Suite struct ClusterKeysTests {
    private static func scratch() -> String { NSTemporaryDirectory() + "/shoal-keys-\(UUID().uuidString)" }

    @Test("keys are made once, read back, and closed to others")
    func keysAreMadeOnceAndReadBack() throws {
        let folder = Self.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try ClusterKeys.make(in: folder)
        #expect(try ClusterKeys(directory: folder) == made)
        #expect(throws: ClusterKeyError.self) { try ClusterKeys.make(in: folder) }
        #expect(try ClusterKeys(directory: folder) == made)
        for name in ["coordinator.key", "worker.key"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        }
    }

    @Test("a secret key that others may read is refused")
    func readableSecretKeyIsRefused() throws {
        let folder = Self.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try ClusterKeys.make(in: folder)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: "\(folder)/worker.key")
        #expect(throws: ZMQError.self) { try ClusterKeys(directory: folder) }
    }

    @Test("a token holds address and keys, and the worker's half of a folder is the same")
    func tokenRoundTrips() throws {
        let folder = Self.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let keys = try ClusterKeys.make(in: folder)
        let invitation = keys.invitation(address: "tcp://10.0.0.1:7700")
        #expect(try Invitation(token: " \(invitation.token)\n") == invitation)
        #expect(try Invitation(directory: folder, address: "tcp://10.0.0.1:7700") == invitation)
        #expect(!invitation.token.contains(keys.coordinator.secretKey))
    }

    @Test("a cut or altered token is refused with advice", arguments: [0, 5, 7, 40, 100])
    func damagedTokenIsRefused(kept: Int) throws {
        let token = try ClusterKeys.ephemeral().invitation(address: "tcp://h:1").token
        #expect(throws: (any Error).self) { try Invitation(token: String(token.prefix(kept))) }
        #expect(throws: (any Error).self) { try Invitation(token: "shoal2-" + token.dropFirst(7)) }
    }
}
