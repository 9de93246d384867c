import Foundation
import Testing
import Transports
import WireProtocol
import ZeroMQ

@Suite struct ControlTests {
    /// Server and client as two processes would have them; inproc needs one context.
    private func pair(_ way: Way) throws -> (ServerProbe, ClientProbe) {
        let serverNode = try Node()
        let clientNode =
            way == .inproc
            ? try Node(serverNode.context, authenticator: serverNode.authenticator) : try Node()
        serverNode.authenticator.allow(clientNode.keys.publicKey, domain: "control")
        let server = try ServerProbe(way, serverNode)
        let client = try ClientProbe(
            way, clientNode, to: server.endpoint, serverKey: serverNode.keys.publicKey)
        return (server, client)
    }

    private func leave(_ text: String) -> Envelope {
        Envelope(header: .init(), body: .leave(Leave(reason: text)))
    }

    @Test("messages go both ways, in order, with their payload", arguments: Way.allCases)
    func bothWays(way: Way) throws {
        let (server, client) = try pair(way)
        for index in 0..<200 { #expect(try client.send(leave("\(index)")) == .sent) }
        let received = server.received.wait(for: 200)
        #expect(received.map(\.1) == (0..<200).map { leave("\($0)") })
        let peer = try #require(received.first?.0)
        let work = Envelope(
            header: .init(step: 3), body: .evaluate(EvaluationAssignment(leaves: [1, 5])),
            payload: [Array(repeating: 1, count: 100_000), [2]])
        #expect(try server.send(work, to: peer) == .sent)
        #expect(client.received.wait(for: 1) == [work])
        let counts = try server.counts()
        #expect(counts.messagesReceived == 200 && counts.messagesSent == 1 && counts.malformed == 0)
    }

    @Test("a client that starts first waits for its server", arguments: [Way.ipc, .tcp, .curve])
    func clientFirst(way: Way) throws {
        let serverNode = try Node()
        let clientNode = try Node()
        serverNode.authenticator.allow(clientNode.keys.publicKey, domain: "control")
        // A port that was free a moment ago.
        var endpoint = way.endpoint()
        if way != .ipc {
            let first = try ServerProbe(way, serverNode)
            endpoint = first.endpoint
            try first.close()
            // libzmq closes in the background; until then the client would find the first server.
            let port = try #require(UInt16(endpoint.split(separator: ":").last ?? ""))
            #expect(eventually { !PlainSocket.isListening(port: port) })
        }
        let client = try ClientProbe(way, clientNode, to: endpoint, serverKey: serverNode.keys.publicKey)
        #expect(try client.send(leave("early")) == .sent)
        #expect(try client.send(heartbeat(1)) == .wouldBlock)
        usleep(50_000)
        let server = try ServerProbe(way, serverNode, endpoint: endpoint)
        #expect(server.received.wait(for: 1).map(\.1) == [leave("early")])
    }

    @Test(
        "a client finds a server that was started again, and is a new peer to it",
        arguments: [Way.ipc, .tcp, .curve])
    func reconnects(way: Way) throws {
        let (server, client) = try pair(way)
        #expect(try client.send(leave("before")) == .sent)
        let old = try #require(server.received.wait(for: 1).first?.0)
        try server.close()
        #expect(eventually { client.events.all.contains(.disconnected) })
        let again = try ServerProbe(way, server.node, endpoint: server.endpoint)
        #expect(try client.send(leave("after")) == .sent)
        #expect(again.received.wait(for: 1).map(\.1) == [leave("after")])
        #expect(try again.send(heartbeat(1), to: old) == .unreachable)
    }

    @Test("the server hears that a client is gone", arguments: [Way.ipc, .tcp, .curve])
    func disconnects(way: Way) throws {
        let (server, client) = try pair(way)
        #expect(try client.send(leave("x")) == .sent)
        let peer = try #require(server.received.wait(for: 1).first?.0)
        try client.close()
        #expect(server.disconnected.wait(for: 1) == [peer])
        #expect(try server.send(heartbeat(1), to: peer) == .unreachable)
    }

    @Test("what was sent before closing still arrives", arguments: [Way.ipc, .tcp, .curve])
    func lingers(way: Way) throws {
        let (server, client) = try pair(way)
        #expect(try client.send(leave("0")) == .sent)
        #expect(server.received.wait(for: 1).count == 1)
        for index in 1..<50 { #expect(try client.send(leave("\(index)")) == .sent) }
        try client.close(linger: .seconds(5))
        #expect(server.received.wait(for: 50).map(\.1) == (0..<50).map { leave("\($0)") })
    }

    @Test(
        "what cannot be understood is dropped, counted and reported; the peer may go on",
        arguments: Way.allCases)
    func malformed(way: Way) throws {
        let serverNode = try Node()
        let server = try ServerProbe(way, serverNode)
        let keys = try CurveKeys.generate()
        serverNode.authenticator.allow(keys.publicKey, domain: "control")
        let security: ZMQSocketOptions.Security =
            way == .curve ? .curveClient(keys: keys, serverKey: serverNode.keys.publicKey) : .plain
        let raw = try ZMQSocket(serverNode.context, .dealer, options: .init(security: security))
        try raw.connect(server.endpoint)
        var later = heartbeat(1)
        later.header.protocolVersion = 9
        let wrong: [[[UInt8]]] = [[[]], [[1, 2, 3]], [[], []], try MessageCodec.encode(later)]
        for frames in wrong { #expect(try raw.send(frames) == .sent) }
        #expect(try raw.send(try MessageCodec.encode(heartbeat(7))) == .sent)
        #expect(server.received.wait(for: 1).map(\.1) == [heartbeat(7)])
        #expect(server.malformed.all.map(\.code) == [.malformed, .malformed, .malformed, .version])
        #expect(try server.counts().malformed == 4)
    }

    @Test(
        "a peer that takes nothing costs the server a bounded queue, and bulk waits for room",
        arguments: Way.allCases)
    func bulkWaits(way: Way) throws {
        let (server, client) = try pair(way)
        #expect(try client.send(leave("x")) == .sent)
        let peer = try #require(server.received.wait(for: 1).first?.0)
        let payload = [UInt8](repeating: 3, count: 1 << 20)
        let bulk = Envelope(
            header: .init(),
            body: .stateChunk(
                StateChunk(
                    section: .parameters, elementOffset: 0, elementCount: 1 << 18,
                    sectionElementCount: 1 << 18,
                    checksum: Checksum.crc32(payload), isLast: true, stateDigest: [])), payload: [payload])
        // The client's thread takes nothing while it sleeps.
        let mayGoOn = DispatchSemaphore(value: 0)
        client.node.loop.post { _ in mayGoOn.wait() }
        var sent = 0
        while try server.send(bulk, to: peer) == .sent, sent < 2000 { sent += 1 }
        #expect(sent < 1000)
        // Other messages still find a place, and come behind the bulk, in order.
        for index in 0..<10 { #expect(try server.send(heartbeat(UInt64(index)), to: peer) == .sent) }
        mayGoOn.signal()
        #expect(server.writable.wait(for: 1).first == peer)
        // Room is a guess of the server's, so an offer may have to be repeated.
        #expect(try eventually { try server.send(bulk, to: peer) == .sent })
        let received = client.received.wait(for: sent + 11)
        #expect(received.count == sent + 11)
        #expect(received[sent..<sent + 10].map(\.self) == (0..<10).map { heartbeat(UInt64($0)) })
    }

    @Test("an unknown peer is unreachable, a message against the rules is refused")
    func sendResults() throws {
        let (server, client) = try pair(.tcp)
        #expect(try client.send(leave("x")) == .sent)
        let peer = try #require(server.received.wait(for: 1).first?.0)
        let wrong = Envelope(header: .init(), body: .applied(Applied(stateDigest: [1], gradientNorm: 0)))
        guard case .refused(let error) = try server.send(wrong, to: peer) else {
            Issue.record("was sent")
            return
        }
        #expect(error.code == .malformed)
        let (other, _) = try pair(.tcp)
        #expect(try other.send(heartbeat(0), to: peer) == .unreachable)
    }

    @Test("one server listens on a unix socket in the clear and on TCP with CURVE")
    func severalEndpoints() throws {
        let node = try Node()
        let worker = try Node()
        node.authenticator.allow(worker.keys.publicKey, domain: "control")
        let received = Collector<Envelope>()
        let (endpoints, kept) = try node.loop.run { io in
            let server = try ControlServer(
                io, endpoints: [Way.ipc.endpoint(), "tcp://127.0.0.1:*"],
                security: .curve(keys: node.keys, authenticator: node.authenticator, domain: "control"))
            server.onMessage = { [unowned server] peer, envelope in
                received.append(envelope)
                _ = server.send(envelope, to: peer)
            }
            return (server.endpoints, io.bind(server))
        }
        for (endpoint, way) in zip(endpoints.sorted(), [Way.ipc, .curve]) {
            let client = try ClientProbe(way, worker, to: endpoint, serverKey: node.keys.publicKey)
            #expect(try client.send(leave(endpoint)) == .sent)
            #expect(client.received.wait(for: 1) == [leave(endpoint)])
        }
        try node.loop.run { io in kept(io).close() }
    }

    @Test("a port or path in use is named; TCP without keys is refused with the way out")
    func errors() throws {
        for way in [Way.tcp, .ipc] {
            let server = try ServerProbe(way, try Node())
            let error = #expect(throws: TransportError.self) {
                try ServerProbe(way, try Node(), endpoint: server.endpoint)
            }
            #expect(error?.cause?.code == .addressInUse)
            #expect(error?.message.contains(server.endpoint) == true)
        }
        let node = try Node()
        let error = #expect(throws: TransportError.self) {
            try node.loop.run { io in
                try ControlServer(io, endpoints: ["tcp://127.0.0.1:*"], security: .localOnly).endpoints
            }
        }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("--insecure") == true)
    }
}
