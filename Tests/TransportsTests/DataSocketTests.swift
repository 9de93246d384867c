import Foundation
import Testing
import Transports
import WireProtocol
import ZeroMQ

@Suite struct DataSocketTests {
    /// `count` reducers, each in a process of its own but for inproc, that know one another.
    private func mesh(_ way: Way, _ count: Int, maximumPendingByteCount: Int = 256 << 20) throws
        -> [DataProbe]
    {
        let shared = way == .inproc ? try Node() : nil
        let probes = try (1...count).map { id in
            try DataProbe(
                way, try Node(shared?.context, authenticator: shared?.authenticator), id: UInt32(id),
                maximumPendingByteCount: maximumPendingByteCount)
        }
        for probe in probes { try probe.setPeers(probes.filter { $0 !== probe }.map(\.peer)) }
        return probes
    }

    @Test("each of three reducers gets every chunk of the two others, in order", arguments: Way.allCases)
    func mesh(way: Way) throws {
        let probes = try mesh(way, 3)
        defer { withExtendedLifetime(probes) {} }
        for number in 0..<UInt32(50) {
            for sender in probes {
                for receiver in probes where receiver !== sender {
                    #expect(try sender.send(chunk(number, sender: sender.id), to: receiver.id) == .sent)
                }
            }
        }
        for receiver in probes {
            let received = receiver.received.wait(for: 100)
            #expect(received.count == 100)
            for sender in probes where sender !== receiver {
                #expect(
                    received.filter { $0.header.sender == sender.id }
                        == (0..<50).map { chunk($0, sender: sender.id) })
            }
            #expect(try receiver.counts().messagesReceived == 100)
        }
    }

    @Test("a peer that takes nothing is reported to the sender, and nothing is lost", arguments: Way.allCases)
    func backpressure(way: Way) throws {
        let probes = try mesh(way, 2, maximumPendingByteCount: 4 << 20)
        defer { withExtendedLifetime(probes) {} }
        // One payload of 256 KiB under many numbers.
        let large = chunk(0, sender: 1, count: 65_536)
        func numbered(_ number: UInt32) -> Envelope {
            var envelope = large
            if case .partial(var body) = large.body {
                body.chunk = number
                envelope.body = .partial(body)
            }
            return envelope
        }
        #expect(try probes[0].send(numbered(2000), to: 2) == .sent)
        #expect(probes[1].received.wait(for: 1).count == 1)
        let mayGoOn = DispatchSemaphore(value: 0)
        probes[1].node.loop.post { _ in mayGoOn.wait() }
        var sent: UInt32 = 0
        while try probes[0].send(numbered(sent), to: 2) == .sent, sent < 2000 { sent += 1 }
        #expect(sent > 16 && sent < 1000)
        #expect(probes[0].writable.all.isEmpty)
        mayGoOn.signal()
        #expect(probes[0].writable.wait(for: 1) == [2])
        #expect(try probes[0].send(numbered(sent), to: 2) == .sent)
        let received = probes[1].received.wait(for: Int(sent) + 2).dropFirst()
        #expect(received.map(\.body) == (0...sent).map { numbered($0).body })
    }

    @Test(
        "a peer learns of this one later than this one of it: the connection comes all the same",
        arguments: Way.allCases)
    func rosterRace(way: Way) throws {
        let shared = way == .inproc ? try Node() : nil
        let first = try DataProbe(way, try Node(shared?.context, authenticator: shared?.authenticator), id: 1)
        let second = try DataProbe(
            way, try Node(shared?.context, authenticator: shared?.authenticator), id: 2)
        // Optimised code lets go of what is not used any more, and with it its socket.
        defer { withExtendedLifetime((first, second)) {} }
        try first.setPeers([second.peer])
        if way == .curve {
            #expect(eventually { first.events.all.contains { $0 == (2, .denied) } })
            #expect(try first.send(chunk(1, sender: 1), to: 2) == .sent)
            #expect(second.received.all.isEmpty)
            try second.setPeers([first.peer])
        } else {
            try second.setPeers([first.peer])
            #expect(try first.send(chunk(1, sender: 1), to: 2) == .sent)
        }
        #expect(second.received.wait(for: 1) == [chunk(1, sender: 1)])
    }

    @Test(
        "a peer that knows the roster before this one does is heard where there are no keys",
        arguments: [Way.ipc, .tcp])
    func earlyPeer(way: Way) throws {
        let probes = try mesh(way, 3)
        defer { withExtendedLifetime(probes) {} }
        try probes[0].setPeers([probes[1].peer])
        #expect(try probes[2].send(chunk(3, sender: 3), to: 1) == .sent)
        #expect(probes[0].received.wait(for: 1) == [chunk(3, sender: 3)])
    }

    @Test("with keys, who is not in the roster or says to be another is not heard")
    func strangers() throws {
        let probes = try mesh(.curve, 3)
        defer { withExtendedLifetime(probes) {} }
        #expect(try probes[1].send(chunk(1, sender: 2), to: 1) == .sent)
        #expect(probes[0].received.wait(for: 1).count == 1)
        // 3 leaves the roster of 1; its connection stands, but is not listened to.
        #expect(try probes[2].send(chunk(2, sender: 3), to: 1) == .sent)
        #expect(probes[0].received.wait(for: 2).count == 2)
        try probes[0].setPeers([probes[1].peer])
        #expect(try probes[2].send(chunk(3, sender: 3), to: 1) == .sent)
        #expect(try eventually { try probes[0].counts().strangers == 1 })
        #expect(try probes[0].send(chunk(1, sender: 1), to: 3) == .unreachable)
        // 2 poses as 3 and as 1: its key says otherwise.
        for sender in [UInt32(1), 3] {
            #expect(try probes[1].send(chunk(4, sender: sender), to: 1) == .sent)
        }
        #expect(try eventually { try probes[0].counts().strangers == 3 })
        #expect(probes[0].received.all.count == 2)
    }

    @Test(
        "a peer that goes is reported, and its successor at another address is reached",
        arguments: [Way.ipc, .tcp, .curve])
    func peerLost(way: Way) throws {
        let probes = try mesh(way, 2)
        defer { withExtendedLifetime(probes) {} }
        #expect(try probes[0].send(chunk(1, sender: 1), to: 2) == .sent)
        #expect(probes[1].received.wait(for: 1).count == 1)
        try probes[1].close()
        probes[1].node.loop.stop()
        #expect(eventually { probes[0].events.all.contains { $0 == (2, .disconnected) } })
        let successor = try DataProbe(way, try Node(), id: 2)
        defer { withExtendedLifetime(successor) {} }
        try successor.setPeers([probes[0].peer])
        try probes[0].setPeers([successor.peer])
        #expect(try probes[0].send(chunk(2, sender: 1), to: 2) == .sent)
        #expect(successor.received.wait(for: 1) == [chunk(2, sender: 1)])
    }

    @Test("a damaged chunk is dropped and counted")
    func damaged() throws {
        let probes = try mesh(.tcp, 2)
        defer { withExtendedLifetime(probes) {} }
        let raw = try ZMQSocket(try ZMQContext(), .dealer)
        try raw.connect(probes[0].endpoint)
        var frames = try MessageCodec.encode(chunk(1, sender: 2))
        frames[1][17] ^= 1
        #expect(try raw.send(frames) == .sent)
        #expect(try raw.send(try MessageCodec.encode(chunk(2, sender: 2))) == .sent)
        #expect(probes[0].received.wait(for: 1) == [chunk(2, sender: 2)])
        #expect(try probes[0].counts().malformed == 1)
    }
}
