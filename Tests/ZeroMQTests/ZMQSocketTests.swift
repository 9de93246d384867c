import Foundation
import Testing
import ZeroMQ

@Suite struct ZMQSocketTests {
    /// Polls until `socket` has a message, five seconds at most.
    private func receive(_ socket: ZMQSocket) throws -> [ZMQMessage]? {
        let poller = ZMQPoller()
        poller.set(socket, .readable)
        _ = try poller.wait(for: .seconds(5))
        return try socket.receive()
    }

    @Test(
        "frames of a message arrive together, unchanged, over each transport",
        arguments: ["inproc", "ipc", "tcp"])
    func framesRoundTrip(transport: String) throws {
        let context = try ZMQContext()
        let router = try ZMQSocket(context, .router)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)").path
        let wish =
            switch transport {
            case "inproc": "inproc://frames"
            case "ipc": "ipc://\(path)"
            default: "tcp://127.0.0.1:*"
            }
        let endpoint = try router.bind(wish)
        #expect(!endpoint.contains("*"))
        let dealer = try ZMQSocket(context, .dealer)
        try dealer.connect(endpoint)
        let frames: [[UInt8]] = [[], [1, 2, 3], Array(repeating: 7, count: 300_000)]
        #expect(try dealer.send(frames) == .sent)
        let received = try #require(try receive(router))
        #expect(received.count == 4)
        #expect(received.dropFirst().map { $0.toArray() } == frames)
        // And back to the sender, by its routing id.
        #expect(try router.send([received[0].toArray(), [9]]) == .sent)
        #expect(try receive(dealer)?.map { $0.toArray() } == [[9]])
    }

    @Test("a port in use is an error that names the endpoint")
    func portInUse() throws {
        let context = try ZMQContext()
        let first = try ZMQSocket(context, .router)
        let endpoint = try first.bind("tcp://127.0.0.1:*")
        let second = try ZMQSocket(context, .router)
        let error = #expect(throws: ZMQError.self) { try second.bind(endpoint) }
        #expect(error?.code == .addressInUse)
        #expect(error?.subject == endpoint)
        #expect(error?.message.contains(endpoint) == true)
    }

    @Test("an ipc path at which somebody listens is in use, a left-over file is not")
    func ipcInUse() throws {
        let context = try ZMQContext()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        let endpoint = "ipc://\(path)"
        let first = try ZMQSocket(context, .router)
        try first.bind(endpoint)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let second = try ZMQSocket(context, .router)
        let error = #expect(throws: ZMQError.self) { try second.bind(endpoint) }
        #expect(error?.code == .addressInUse)

        let stale = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Data().write(to: URL(fileURLWithPath: stale))
        try second.bind("ipc://\(stale)")
    }

    @Test("an ipc path of 107 bytes is taken, one of 108 is named with the limit")
    func ipcPathLength() throws {
        let context = try ZMQContext()
        let directory = "/tmp/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let base = "\(directory)/"
        let fits = base + String(repeating: "a", count: 107 - base.utf8.count)
        try ZMQSocket(context, .router).bind("ipc://\(fits)")
        let error = #expect(throws: ZMQError.self) {
            try ZMQSocket(context, .router).bind("ipc://\(fits)a")
        }
        #expect(error?.code == .pathTooLong)
        #expect(error?.message.contains("107") == true)
        let connectError = #expect(throws: ZMQError.self) {
            try ZMQSocket(context, .dealer).connect("ipc://\(fits)a")
        }
        #expect(connectError?.code == .pathTooLong)
    }

    @Test(
        "an endpoint that is none is refused",
        arguments: ["", "tcp://", "http://127.0.0.1:80", "tcp://127.0.0.1:99999"])
    func invalidEndpoints(_ endpoint: String) throws {
        let context = try ZMQContext()
        let error = #expect(throws: ZMQError.self) { try ZMQSocket(context, .router).bind(endpoint) }
        #expect(error?.code == .invalidEndpoint)
    }

    @Test("a ROUTER reports unknown peers and full queues instead of dropping")
    func sendResults() throws {
        let context = try ZMQContext()
        var options = ZMQSocketOptions()
        options.sendHighWaterMark = 2
        options.receiveHighWaterMark = 2
        options.routingID = Array("peer".utf8)
        let router = try ZMQSocket(context, .router, options: options)
        try router.bind("inproc://results")
        #expect(try router.send([Array("nobody".utf8), [1]]) == .unreachable)
        let dealer = try ZMQSocket(context, .dealer, options: options)
        try dealer.connect("inproc://results")
        #expect(try dealer.send([[0]]) == .sent)
        let hello = try #require(try receive(router))
        var sent = 0
        while try router.send([hello[0].toArray(), [UInt8(sent)]]) == .sent { sent += 1 }
        #expect(sent == 4)
        for index in 0..<sent {
            #expect(try receive(dealer)?.map { $0.toArray() } == [[UInt8(index)]])
        }
        #expect(try dealer.receive() == nil)
    }

    @Test("a frame above the limit is never delivered and the socket goes on")
    func maximumFrame() throws {
        let context = try ZMQContext()
        var options = ZMQSocketOptions()
        options.maximumFrameByteCount = 1000
        let router = try ZMQSocket(context, .router, options: options)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let hostile = try ZMQSocket(context, .dealer)
        try hostile.connect(endpoint)
        #expect(try hostile.send([Array(repeating: 0, count: 1001)]) == .sent)
        let honest = try ZMQSocket(context, .dealer)
        try honest.connect(endpoint)
        #expect(try honest.send([Array(repeating: 1, count: 1000)]) == .sent)
        let received = try #require(try receive(router))
        #expect(received[1].toArray() == Array(repeating: 1, count: 1000))
        #expect(try router.receive() == nil)
    }

    @Test("a message shared between sends keeps its bytes")
    func sharedMessage() throws {
        let context = try ZMQContext()
        let left = try ZMQSocket(context, .pair)
        try left.bind("inproc://shared")
        let right = try ZMQSocket(context, .pair)
        try right.connect("inproc://shared")
        let message = try ZMQMessage(Array(repeating: 5, count: 10_000))
        let copy = try message.shared()
        #expect(try left.send(message) == .sent)
        #expect(message.byteCount == 0)
        #expect(try left.send(copy) == .sent)
        for _ in 0..<2 {
            #expect(try receive(right)?.first?.toArray() == Array(repeating: 5, count: 10_000))
        }
    }

    @Test("a waker wakes a poll from another thread, once for many calls")
    func waker() async throws {
        let context = try ZMQContext()
        let (waker, receiver) = try ZMQWaker.make(context)
        let poller = ZMQPoller()
        poller.set(receiver, .readable)
        #expect(try poller.wait(for: .zero).isEmpty)
        let thread = Thread { for _ in 0..<10_000 { waker.wake() } }
        thread.start()
        #expect(try poller.wait(for: .seconds(5)).count == 1)
        while !thread.isFinished { usleep(1000) }
        waker.drain(receiver)
        #expect(try poller.wait(for: .zero).isEmpty)
        waker.wake()
        #expect(try poller.wait(for: .seconds(5)).count == 1)
    }
}
