import CZMQ

/// A CURVE public key: 32 bytes, written as 40 characters of Z85 (ZeroMQ RFC 32).
public struct CurvePublicKey: Sendable, Hashable, CustomStringConvertible {
    /// The 40 characters of Z85.
    public let text: String

    /// - Throws: ``ZMQError`` with code `.invalidKey` when `text` is not a key in Z85.
    public init(_ text: String) throws(ZMQError) {
        _ = try Z85.decodeKey(text, what: "CURVE public key")
        self.text = text
    }

    /// - Throws: ``ZMQError`` with code `.invalidKey` unless there are 32 bytes.
    public init(bytes: [UInt8]) throws(ZMQError) {
        guard bytes.count == Z85.keyByteCount else {
            throw ZMQError(.invalidKey, "a CURVE public key has 32 bytes, not \(bytes.count)")
        }
        text = Z85.encode(bytes)
    }

    init(unchecked text: String) { self.text = text }

    public var description: String { text }

    func bytes() throws(ZMQError) -> [UInt8] { try Z85.decodeKey(text, what: "CURVE public key") }
}

/// A CURVE key pair. Its description never shows the secret key.
public struct CurveKeys: Sendable, Equatable, CustomStringConvertible {
    public let publicKey: CurvePublicKey
    /// 40 characters of Z85. Whoever has them can pose as the owner.
    public let secretKey: String

    /// Takes a pair apart from a file or an invitation.
    ///
    /// - Throws: ``ZMQError`` with code `.invalidKey` when `secretKey` is no key, or not that of `publicKey`.
    public init(publicKey: CurvePublicKey, secretKey: String) throws(ZMQError) {
        let derived = try CurveKeys(secretKey: secretKey)
        guard derived.publicKey == publicKey else {
            throw ZMQError(
                .invalidKey,
                "the secret key belongs to the public key \(derived.publicKey), not to \(publicKey); "
                    + "make a new pair with `shoal keys new`")
        }
        self = derived
    }

    /// Derives the public key.
    ///
    /// - Throws: ``ZMQError`` with code `.invalidKey` when `secretKey` is no key.
    public init(secretKey: String) throws(ZMQError) {
        _ = try Z85.decodeKey(secretKey, what: "CURVE secret key", isSecret: true)
        var text = [CChar](repeating: 0, count: Z85.keyCharacterCount + 1)
        guard unsafe zmq_curve_public(&text, secretKey) == 0 else { throw .last("deriving a CURVE key") }
        publicKey = CurvePublicKey(unchecked: Self.string(text))
        self.secretKey = secretKey
    }

    private init(publicText: String, secretText: String) {
        publicKey = CurvePublicKey(unchecked: publicText)
        secretKey = secretText
    }

    /// A new pair, from libsodium's random numbers.
    ///
    /// - Throws: ``ZMQError`` when libzmq was built without CURVE.
    public static func generate() throws(ZMQError) -> CurveKeys {
        var publicText = [CChar](repeating: 0, count: Z85.keyCharacterCount + 1)
        var secretText = publicText
        guard unsafe zmq_curve_keypair(&publicText, &secretText) == 0 else {
            throw .last("making a CURVE key pair")
        }
        return CurveKeys(publicText: string(publicText), secretText: string(secretText))
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    public var description: String { "CurveKeys(\(publicKey))" }

    func secretBytes() throws(ZMQError) -> [UInt8] {
        try Z85.decodeKey(secretKey, what: "CURVE secret key", isSecret: true)
    }
}
