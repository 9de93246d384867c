import Testing
import Transports

@Suite struct ConnectionTableTests {
    private let first = PeerIdentity(socket: 0, routingID: [1])
    private let second = PeerIdentity(socket: 0, routingID: [2])

    @Test("a connection that ends is known by the peer that spoke through it, once")
    func ends() {
        var table = ConnectionTable()
        #expect(table.note(first, descriptor: 7) == nil)
        #expect(table.note(first, descriptor: 7) == nil)
        #expect(table.remove(descriptor: 8, socket: 0) == nil)
        #expect(table.remove(descriptor: 7, socket: 1) == nil)
        #expect(table.remove(descriptor: 7, socket: 0) == first)
        #expect(table.remove(descriptor: 7, socket: 0) == nil)
    }

    @Test("a reused descriptor ends its old connection, and the late word of that does not end the new one")
    func reuse() {
        var table = ConnectionTable()
        #expect(table.note(first, descriptor: 7) == nil)
        #expect(table.note(second, descriptor: 7) == first)
        #expect(table.remove(descriptor: 7, socket: 0) == nil)
        #expect(table.remove(descriptor: 7, socket: 0) == second)
    }

    @Test("a peer without a descriptor, as over inproc, is not followed")
    func withoutDescriptor() {
        var table = ConnectionTable()
        #expect(table.note(first, descriptor: nil) == nil)
        #expect(table.note(second, descriptor: nil) == nil)
    }
}
