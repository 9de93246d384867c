import Foundation
import Testing
import ZeroMQ

@Suite struct ZAPAuthenticatorTests {
    private func waitForMessage(_ socket: ZMQSocket, _ timeout: Duration) throws -> [ZMQMessage]? {
        let poller = ZMQPoller()
        poller.set(socket, .readable)
        _ = try poller.wait(for: timeout)
        return try socket.receive()
    }

    private func waitForEvent(_ monitor: ZMQMonitor) throws -> ZMQMonitor.Event? {
        let poller = ZMQPoller()
        poller.set(monitor.socket, .readable)
        _ = try poller.wait(for: .seconds(5))
        return try monitor.receive()
    }

    private struct Server {
        let context: ZMQContext
        let authenticator: ZAPAuthenticator
        let keys: CurveKeys
        let socket: ZMQSocket
        let monitor: ZMQMonitor
        let endpoint: String

        init() throws {
            context = try ZMQContext()
            authenticator = try ZAPAuthenticator(context)
            keys = try CurveKeys.generate()
            socket = try ZMQSocket(
                context, .router, options: .init(security: .curveServer(keys: keys, domain: "control")))
            monitor = try ZMQMonitor(socket)
            endpoint = try socket.bind("tcp://127.0.0.1:*")
        }

        /// A client in a context of its own, as in another process, that has sent a message.
        func client(_ security: ZMQSocketOptions.Security) throws -> ZMQSocket {
            let client = try ZMQSocket(try ZMQContext(), .dealer, options: .init(security: security))
            try client.connect(endpoint)
            _ = try client.send([[1, 2, 3]])
            return client
        }
    }

    @Test("an admitted key gets through and its messages carry it")
    func admitted() throws {
        let server = try Server()
        let keys = try CurveKeys.generate()
        server.authenticator.allow(keys.publicKey, domain: "control")
        let client = try server.client(.curveClient(keys: keys, serverKey: server.keys.publicKey))
        let frames = try #require(try waitForMessage(server.socket, .seconds(5)))
        #expect(frames[1].toArray() == [1, 2, 3])
        #expect(frames[1].property("User-Id") == keys.publicKey.text)
        let counts = server.authenticator.counts(domain: "control")
        #expect(counts.accepted == 1 && counts.denied == 0)
        #expect(try waitForEvent(server.monitor)?.kind == .established)
        _ = client
    }

    @Test("a key of another domain, or none that was admitted, gets nothing through and is counted")
    func denied() throws {
        let server = try Server()
        let keys = try CurveKeys.generate()
        server.authenticator.allow(keys.publicKey, domain: "data")
        let client = try server.client(.curveClient(keys: keys, serverKey: server.keys.publicKey))
        #expect(try waitForEvent(server.monitor)?.kind == .denied)
        #expect(try waitForMessage(server.socket, .milliseconds(200)) == nil)
        let counts = server.authenticator.counts(domain: "control")
        #expect(counts.accepted == 0 && counts.denied >= 1)
        _ = client
    }

    @Test("a client without CURVE, or with the wrong server key, fails in the handshake")
    func withoutKeys() throws {
        let server = try Server()
        let keys = try CurveKeys.generate()
        server.authenticator.allow(keys.publicKey, domain: "control")
        let plain = try server.client(.plain)
        #expect(try waitForEvent(server.monitor)?.kind == .handshakeFailed)
        let misled = try server.client(
            .curveClient(keys: keys, serverKey: try CurveKeys.generate().publicKey))
        #expect(try waitForMessage(server.socket, .milliseconds(300)) == nil)
        #expect(server.authenticator.counts(domain: "control").accepted == 0)
        _ = (plain, misled)
    }

    @Test("without an authenticator a CURVE server lets nobody in")
    func enforcement() throws {
        let context = try ZMQContext()
        let keys = try CurveKeys.generate()
        let socket = try ZMQSocket(
            context, .router, options: .init(security: .curveServer(keys: keys, domain: "control")))
        let endpoint = try socket.bind("tcp://127.0.0.1:*")
        let client = try ZMQSocket(
            try ZMQContext(), .dealer,
            options: .init(security: .curveClient(keys: try .generate(), serverKey: keys.publicKey)))
        try client.connect(endpoint)
        #expect(try client.send([[1]]) == .sent)
        #expect(try waitForMessage(socket, .milliseconds(500)) == nil)
    }

    @Test("a context has one authenticator")
    func onlyOne() throws {
        let context = try ZMQContext()
        let first = try ZAPAuthenticator(context)
        let error = #expect(throws: ZMQError.self) { try ZAPAuthenticator(context) }
        #expect(error?.code == .addressInUse)
        _ = first
    }
}
