import Transports
public import ZeroMQ

/// Whom a worker trusts, and how it proves who it is. Unix sockets (`ipc://`) are plain in every case.
public enum WorkerSecurity: Sendable {
    /// Unix sockets only.
    case localOnly
    /// TCP in the clear (`--insecure`).
    case insecure
    /// TCP with CURVE: this process's keys, and the coordinator's public key.
    case curve(keys: CurveKeys, coordinatorKey: CurvePublicKey)

    /// What the control connection takes.
    var ofControl: ClientSecurity {
        switch self {
        case .localOnly: .localOnly
        case .insecure: .insecure
        case .curve(let keys, let coordinatorKey): .curve(keys: keys, serverKey: coordinatorKey)
        }
    }
}

/// Whom the coordinator lets in. Unix sockets (`ipc://`) are plain in every case: their file is open to its owner alone.
public enum CoordinatorSecurity: Sendable {
    /// Unix sockets only.
    case localOnly
    /// TCP in the clear, open to everyone who reaches it (`--insecure`).
    case insecure
    /// TCP with CURVE: this process's keys, and the keys of the workers that get in.
    case curve(keys: CurveKeys, workerKeys: Set<CurvePublicKey>)

    /// The authenticator's domain for control sockets.
    static let controlDomain = "control"
}
