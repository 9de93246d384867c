import DurableFiles
import Foundation
public import ZeroMQ

/// The CURVE keys of a cluster: the coordinator's pair, and the pair that its workers share.
///
/// In a keys folder they are `coordinator.key` and `worker.key` (secret, mode 0600) and `coordinator.pub`. A
/// worker's host needs `worker.key` and `coordinator.pub` only.
public struct ClusterKeys: Sendable, Equatable {
    public let coordinator: CurveKeys
    public let worker: CurveKeys

    public init(coordinator: CurveKeys, worker: CurveKeys) {
        self.coordinator = coordinator
        self.worker = worker
    }

    /// Fresh keys, for one run.
    public static func ephemeral() throws -> ClusterKeys {
        ClusterKeys(coordinator: try .generate(), worker: try .generate())
    }

    /// Reads a keys folder.
    ///
    /// - Throws: `ZMQError` that names the file: missing, readable by others, or no key.
    public init(directory: String) throws {
        coordinator = try CurveKeys(contentsOf: directory + "/coordinator.key")
        worker = try CurveKeys(contentsOf: directory + "/worker.key")
    }

    /// Makes fresh keys in `directory`, which is created.
    ///
    /// - Throws: ``ClusterKeyError`` when keys are there already; they are never replaced.
    public static func make(in directory: String) throws -> ClusterKeys {
        for name in ["coordinator.key", "worker.key"]
        where FileManager.default.fileExists(atPath: directory + "/" + name) {
            throw ClusterKeyError(
                "\(directory)/\(name) exists; remove it to replace the keys (workers with the old ones are "
                    + "then refused), or name another folder")
        }
        try AtomicDirectory.createDirectory(directory)
        let keys = try ephemeral()
        try keys.coordinator.write(to: directory + "/coordinator.key")
        try keys.coordinator.publicKey.write(to: directory + "/coordinator.pub")
        try keys.worker.write(to: directory + "/worker.key")
        return keys
    }

    /// What a worker needs to connect to `address`.
    public func invitation(address: String) -> Invitation {
        Invitation(address: address, coordinatorKey: coordinator.publicKey, workerKeys: worker)
    }
}

/// What a worker needs to take part: address, the coordinator's public key, and a worker's pair.
public struct Invitation: Sendable, Equatable {
    /// The variable that holds a token where a flag would show it to other users of the host.
    public static let environmentVariable = "SHOAL_TOKEN"

    /// `tcp://HOST:PORT`
    public let address: String
    public let coordinatorKey: CurvePublicKey
    public let workerKeys: CurveKeys

    public init(address: String, coordinatorKey: CurvePublicKey, workerKeys: CurveKeys) {
        self.address = address
        self.coordinatorKey = coordinatorKey
        self.workerKeys = workerKeys
    }

    /// Reads the worker's half of a keys folder.
    public init(directory: String, address: String) throws {
        self.address = address
        coordinatorKey = try CurvePublicKey(contentsOf: directory + "/coordinator.pub")
        workerKeys = try CurveKeys(contentsOf: directory + "/worker.key")
    }

    private struct Content: Codable {
        var address: String
        var coordinator: String
        var worker: String
    }
    private static let prefix = "shoal1-"

    /// One word to paste: `shoal1-` and base64url of JSON. Whoever has it can take part in the run.
    public var token: String {
        let content = Content(
            address: address, coordinator: coordinatorKey.text, worker: workerKeys.secretKey)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = (try? encoder.encode(content)) ?? Data()
        return Self.prefix
            + json.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
                "=", with: "")
    }

    /// Takes a token apart.
    ///
    /// - Throws: ``ClusterKeyError`` when it is none; `ZMQError` when a key in it is damaged.
    public init(token: String) throws {
        let text = token.trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.hasPrefix(Self.prefix) else {
            throw ClusterKeyError(
                "the token does not begin with '\(Self.prefix)'; paste the one that the coordinator printed")
        }
        var base64 = text.dropFirst(Self.prefix.count).replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.count % 4) % 4)
        guard let json = Data(base64Encoded: String(base64)),
            let content = try? JSONDecoder().decode(Content.self, from: json)
        else {
            throw ClusterKeyError(
                "the token is cut or damaged; paste the whole word that the coordinator printed")
        }
        address = content.address
        coordinatorKey = try CurvePublicKey(content.coordinator)
        workerKeys = try CurveKeys(secretKey: content.worker)
    }
}

/// Keys or a token that cannot be used.
public struct ClusterKeyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
