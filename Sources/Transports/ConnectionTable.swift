/// Which connection each file descriptor of a server's sockets carries, so that a connection that ends is known by
/// the peer that spoke through it.
package struct ConnectionTable {
    private struct Key: Hashable {
        var socket: Int
        var descriptor: Int32
    }
    private var peers: [Key: PeerIdentity] = [:]
    /// Ends that were inferred from a reused descriptor before libzmq told of them.
    private var expectedEnds: [Key: Int] = [:]

    package init() {}

    /// Notes that `peer` spoke through `descriptor`.
    ///
    /// - Returns: another peer that used the descriptor before, whose connection has therefore ended.
    package mutating func note(_ peer: PeerIdentity, descriptor: Int32?) -> PeerIdentity? {
        guard let descriptor else { return nil }
        let key = Key(socket: peer.socket, descriptor: descriptor)
        let previous = peers.updateValue(peer, forKey: key)
        guard let previous, previous != peer else { return nil }
        expectedEnds[key, default: 0] += 1
        return previous
    }

    /// The peer whose connection libzmq says has ended; nil when none spoke through it, or its end is known.
    package mutating func remove(descriptor: Int32, socket: Int) -> PeerIdentity? {
        let key = Key(socket: socket, descriptor: descriptor)
        if let expected = expectedEnds[key] {
            expectedEnds[key] = expected > 1 ? expected - 1 : nil
            return nil
        }
        return peers.removeValue(forKey: key)
    }
}
