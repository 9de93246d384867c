import Foundation
import Testing
import Transports
import WireProtocol
import ZeroMQ

/// Who has no business with a server gets nothing through, is counted, and does not disturb the others.
@Suite struct HostileClientTests {
    private func closedServer() throws -> (ServerProbe, ClientProbe) {
        let node = try Node()
        let honest = try Node()
        node.authenticator.setAllowed([honest.keys.publicKey], domain: "control")
        let server = try ServerProbe(.curve, node)
        return (server, try ClientProbe(.curve, honest, to: server.endpoint, serverKey: node.keys.publicKey))
    }

    private func expectHonestService(_ server: ServerProbe, _ client: ClientProbe, _ number: UInt64) throws {
        let message = Envelope(header: .init(step: number), body: .leave(Leave(reason: "honest")))
        #expect(try client.send(message) == .sent)
        #expect(eventually { server.received.all.contains { $0.1 == message } })
    }

    @Test("a client whose key was not admitted")
    func unknownKey() throws {
        let (server, honest) = try closedServer()
        let stranger = try ClientProbe(
            .curve, try Node(), to: server.endpoint, serverKey: server.node.keys.publicKey)
        #expect(
            try stranger.send(Envelope(header: .init(), body: .leave(Leave(reason: "stranger")))) == .sent)
        #expect(eventually { stranger.events.all.contains(.denied) })
        #expect(try eventually { try server.counts().denied >= 1 })
        #expect(server.node.authenticator.counts(domain: "control").denied >= 1)
        try expectHonestService(server, honest, 1)
        #expect(!server.received.all.contains { $0.1.body == .leave(Leave(reason: "stranger")) })
        #expect(!stranger.events.all.contains(.established))
    }

    @Test("a client that is admitted later gets in without being started again")
    func admittedLater() throws {
        let (server, _) = try closedServer()
        let node = try Node()
        let client = try ClientProbe(.curve, node, to: server.endpoint, serverKey: server.node.keys.publicKey)
        #expect(try client.send(Envelope(header: .init(), body: .leave(Leave(reason: "late")))) == .sent)
        #expect(eventually { client.events.all.contains(.denied) })
        server.node.authenticator.allow(node.keys.publicKey, domain: "control")
        #expect(server.received.wait(for: 1).map(\.1.body) == [.leave(Leave(reason: "late"))])
    }

    @Test("a client that speaks no CURVE, or has the wrong server key")
    func wrongSecurity() throws {
        let (server, honest) = try closedServer()
        let message = Envelope(header: .init(), body: .leave(Leave(reason: "stranger")))
        let plain = try ClientProbe(
            .tcp, try Node(), to: server.endpoint, serverKey: server.node.keys.publicKey)
        #expect(try plain.send(message) == .sent)
        #expect(eventually { plain.events.all.contains(.handshakeFailed) })
        let misled = try ClientProbe(
            .curve, honest.node, to: server.endpoint, serverKey: try CurveKeys.generate().publicKey)
        #expect(try misled.send(message) == .sent)
        #expect(eventually { misled.events.all.contains(.handshakeFailed) })
        #expect(try eventually { try server.counts().handshakeFailures >= 2 })
        try expectHonestService(server, honest, 1)
        #expect(server.received.all.count == 1)
    }

    @Test("a client that fills its queue and goes while the server's process stands still")
    func goesWhileTheServerStands() throws {
        let (server, honest) = try closedServer()
        let node = try Node()
        server.node.authenticator.allow(node.keys.publicKey, domain: "control")
        let client = try ClientProbe(.curve, node, to: server.endpoint, serverKey: server.node.keys.publicKey)
        let hello = Envelope(header: .init(), body: .leave(Leave(reason: "here")))
        #expect(try client.send(hello) == .sent)
        #expect(eventually { server.received.all.count == 1 })
        Thread.detachNewThread { [loop = server.node.loop] in
            try? loop.run { _ in Thread.sleep(forTimeInterval: 11.5) }
        }
        // Many more than libzmq takes from one peer (64).
        for _ in 0..<400 { _ = try client.send(hello) }
        Thread.sleep(forTimeInterval: 1)
        try client.close()
        Thread.sleep(forTimeInterval: 4)
        // With pings, libzmq ended the process at the second one that was due.
        try expectHonestService(server, honest, 1)
    }

    @Test("a flood of bytes that are no ZeroMQ", arguments: [Way.curve, .tcp])
    func garbage(way: Way) throws {
        let (server, honest): (ServerProbe, ClientProbe)
        if way == .curve {
            (server, honest) = try closedServer()
        } else {
            server = try ServerProbe(.tcp, try Node())
            honest = try ClientProbe(
                .tcp, try Node(), to: server.endpoint, serverKey: server.node.keys.publicKey)
        }
        let port = try #require(UInt16(server.endpoint.split(separator: ":").last ?? ""))
        var state: UInt64 = 42
        func junk(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
        }
        // A ZMTP 3 greeting, a ZMTP 1 frame that announces 2^62 bytes, a web browser, noise.
        let greeting: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("NULL".utf8)
        let starts: [[UInt8]] = [
            greeting, greeting + [UInt8](repeating: 0, count: 48), [0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1],
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [],
        ]
        for index in 0..<100 {
            let descriptor = try PlainSocket.connect(port: port)
            defer { close(descriptor) }
            PlainSocket.write(starts[index % starts.count] + junk(index * 40), to: descriptor)
            if index % 20 == 0 { try expectHonestService(server, honest, UInt64(index)) }
        }
        try expectHonestService(server, honest, 1000)
        #expect(server.received.all.count == 6)
        if way == .curve {
            #expect(try eventually { try server.counts().handshakeFailures >= 50 })
        }
    }
}
