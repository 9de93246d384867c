import Foundation
import Synchronization

/// Decides which CURVE keys the servers of a context let in (ZAP 1.0, ZeroMQ RFC 27).
///
/// libzmq asks it, over `inproc://zeromq.zap.01`, about every client of a socket with
/// ``ZMQSocketOptions/Security/curveServer(keys:domain:)``. It answers on a thread of its own, so it never waits
/// for the application. A context has at most one; it must live as long as the servers it guards.
public final class ZAPAuthenticator: Sendable {
    /// How many connections a domain let in and turned away.
    public struct Counts: Sendable, Equatable {
        public var accepted = 0
        public var denied = 0
    }

    private struct Policy {
        var allowedKeys: [String: Set<CurvePublicKey>] = [:]
        var counts: [String: Counts] = [:]
        var isStopping = false
    }

    /// What the thread and the callers share.
    private final class Shared: Sendable {
        let policy = Mutex(Policy())
    }

    private let shared = Shared()
    private let waker: ZMQWaker
    private let hasEnded = DispatchSemaphore(value: 0)

    /// Starts answering; at first every key is denied.
    ///
    /// - Throws: ``ZMQError`` with code `.addressInUse` when the context has an authenticator already.
    public init(_ context: ZMQContext) throws(ZMQError) {
        let replier = try ZMQSocket(context, .reply)
        try replier.bind("inproc://zeromq.zap.01")
        let (waker, receiver) = try ZMQWaker.make(context)
        self.waker = waker
        let sockets = Handover(Sockets(replier: replier, receiver: receiver))
        let thread = Thread { [shared, waker, hasEnded] in
            sockets.take().map { Self.answer($0, waker: waker, shared: shared) }
            hasEnded.signal()
        }
        thread.name = "zap"
        thread.start()
    }

    deinit {
        shared.policy.withLock { $0.isStopping = true }
        waker.wake()
        // The thread only ever waits in its poll, so it ends at once; the bound is for a machine that stands still.
        _ = hasEnded.wait(timeout: .now() + 5)
    }

    /// Lets exactly `keys` into `domain` from now on. Connections that stand stay.
    public func setAllowed(_ keys: Set<CurvePublicKey>, domain: String) {
        shared.policy.withLock { $0.allowedKeys[domain] = keys }
    }

    /// Lets one more key into `domain`.
    public func allow(_ key: CurvePublicKey, domain: String) {
        shared.policy.withLock { _ = $0.allowedKeys[domain, default: []].insert(key) }
    }

    /// What `domain` has let in and turned away so far.
    public func counts(domain: String) -> Counts {
        shared.policy.withLock { $0.counts[domain] ?? Counts() }
    }

    // MARK: - The thread

    private struct Sockets {
        var replier: ZMQSocket
        var receiver: ZMQSocket
    }

    private static func answer(_ sockets: Sockets, waker: ZMQWaker, shared: Shared) {
        let poller = ZMQPoller()
        poller.set(sockets.replier, .readable)
        poller.set(sockets.receiver, .readable)
        while !shared.policy.withLock({ $0.isStopping }) {
            guard (try? poller.wait(for: .seconds(1))) != nil else { return }
            waker.drain(sockets.receiver)
            while let frames = try? sockets.replier.receive() {
                let reply = decide(frames.map { $0.toArray() }, shared: shared)
                guard (try? sockets.replier.send(reply)) != nil else { return }
            }
        }
    }

    /// Request: version, request id, domain, address, routing id, mechanism, credentials (CURVE: the 32 bytes of
    /// the client's public key). Reply: version, request id, status code, status text, user id, metadata.
    private static func decide(_ request: [[UInt8]], shared: Shared) -> [[UInt8]] {
        let requestID = request.count > 1 ? request[1] : []
        func reply(_ status: String, _ text: String, user: String = "") -> [[UInt8]] {
            [Array("1.0".utf8), requestID, Array(status.utf8), Array(text.utf8), Array(user.utf8), []]
        }
        guard request.count >= 6, request[0] == Array("1.0".utf8) else {
            return reply("500", "not a ZAP 1.0 request")
        }
        let domain = String(decoding: request[2], as: UTF8.self)
        guard request.count == 7, request[5] == Array("CURVE".utf8),
            let key = try? CurvePublicKey(bytes: request[6])
        else {
            shared.policy.withLock { $0.counts[domain, default: Counts()].denied += 1 }
            return reply("400", "only CURVE is spoken here")
        }
        let isAllowed = shared.policy.withLock { policy in
            let isAllowed = policy.allowedKeys[domain]?.contains(key) ?? false
            if isAllowed {
                policy.counts[domain, default: Counts()].accepted += 1
            } else {
                policy.counts[domain, default: Counts()].denied += 1
            }
            return isAllowed
        }
        // The user id travels with every message of the connection (``ZMQMessage/property(_:)``).
        return isAllowed ? reply("200", "welcome", user: key.text) : reply("400", "key not admitted")
    }
}

/// Moves a value that is not Sendable to the one thread that takes it.
package final class Handover<Value>: @unchecked Sendable {
    // Safety: `value` is written before the object is shared, and read and cleared inside the lock once.
    private let lock = NSLock()
    private var value: Value?

    package init(_ value: sending Value) { self.value = value }

    package func take() -> Value? {
        lock.withLock {
            defer { value = nil }
            return value
        }
    }
}
