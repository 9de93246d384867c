public import ZeroMQ

/// Who may connect to a server's sockets. Unix sockets and inproc are plain in every case: the file is open to its
/// owner alone.
public enum ServerSecurity: Sendable {
    /// No TCP at all.
    case localOnly
    /// TCP in the clear, open to everyone who reaches it (`--insecure`).
    case insecure
    /// TCP with CURVE; the keys that `authenticator` has for `domain` get in.
    case curve(keys: CurveKeys, authenticator: ZAPAuthenticator, domain: String)

    func options(for endpoint: String) throws(TransportError) -> ZMQSocketOptions.Security {
        guard endpoint.hasPrefix("tcp://") else { return .plain }
        switch self {
        case .localOnly: throw TransportSecurity.needsKeys(endpoint)
        case .insecure: return .plain
        case .curve(let keys, _, let domain): return .curveServer(keys: keys, domain: domain)
        }
    }
}

/// How a client proves who it is, and checks whom it talks to. Unix sockets and inproc are plain in every case.
public enum ClientSecurity: Sendable {
    /// No TCP at all.
    case localOnly
    /// TCP in the clear (`--insecure`).
    case insecure
    /// TCP with CURVE.
    case curve(keys: CurveKeys, serverKey: CurvePublicKey)

    func options(for endpoint: String) throws(TransportError) -> ZMQSocketOptions.Security {
        guard endpoint.hasPrefix("tcp://") else { return .plain }
        switch self {
        case .localOnly: throw TransportSecurity.needsKeys(endpoint)
        case .insecure: return .plain
        case .curve(let keys, let serverKey): return .curveClient(keys: keys, serverKey: serverKey)
        }
    }
}

enum TransportSecurity {
    static func needsKeys(_ endpoint: String) -> TransportError {
        TransportError(
            .configuration,
            "\(endpoint): TCP needs CURVE keys; make them with `shoal keys new DIR` and give --keys DIR, "
                + "or say --insecure")
    }
}
