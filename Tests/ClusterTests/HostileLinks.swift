import Cluster
import Coordination
import Transports
import WireProtocol

/// A worker's links that pass on what the worker says, and send something else behind it.
final class HostileLinks: WorkerLinks {
    /// What to do with a message to the coordinator; nil sends it as it is.
    private let control: (Envelope) -> [Envelope]
    /// What to do with a message to a peer.
    private let data: (Envelope) -> [Envelope]
    private let links: any WorkerLinks

    /// - Parameters:
    ///   - control: the messages that go to the coordinator in the place of one.
    ///   - data: the messages that go to a peer in the place of one.
    init(
        _ links: any WorkerLinks, control: @escaping (Envelope) -> [Envelope] = { [$0] },
        data: @escaping (Envelope) -> [Envelope] = { [$0] }
    ) {
        self.links = links
        self.control = control
        self.data = data
    }

    var onControl: (Envelope) -> Void {
        get { links.onControl }
        set { links.onControl = newValue }
    }
    var onVersionDiffers: (String) -> Void {
        get { links.onVersionDiffers }
        set { links.onVersionDiffers = newValue }
    }
    var onWritable: () -> Void {
        get { links.onWritable }
        set { links.onWritable = newValue }
    }
    var onData: (Envelope) -> Void {
        get { links.onData }
        set { links.onData = newValue }
    }
    var counts: TransportCounts { links.counts }
    func complete(_ register: inout Register) { links.complete(&register) }
    func sendControl(_ envelope: Envelope) -> Bool {
        var isTaken = true
        for message in control(envelope) { isTaken = links.sendControl(message) && isTaken }
        return isTaken
    }
    func setRoster(_ peers: [Plan.Participant]) { links.setRoster(peers) }
    func sendData(_ envelope: Envelope, to peer: UInt32) {
        for message in data(envelope) { links.sendData(message, to: peer) }
    }
    func close() { links.close() }
}

extension Envelope {
    /// The same with another header.
    func with(_ change: (inout Header) -> Void) -> Envelope {
        var copy = self
        change(&copy.header)
        return copy
    }

    /// The message, behind it itself again and as if of other runs, lives, steps and workers, and bodies that no
    /// worker sends unasked.
    var hostileControl: [Envelope] {
        if body.isBulk { return [self] }
        if case .register = body { return [self] }
        if case .leave = body { return [self] }
        // One of another life is answered: its sender is to register again.
        if case .heartbeat = body { return [self, self] }
        let variants: [(inout Header) -> Void] = [
            { _ in }, { $0.runID ^= 1 }, { $0.term += 1 }, { $0.term = 0 }, { $0.step += 1 },
            { $0.step = .max },
            { $0.step = 0 }, { $0.generation += 1 }, { $0.generation = .max }, { $0.sender += 1 },
            { $0.sender = 0 },
        ]
        let bodies: [Body] = [
            .leafComputed(
                LeafComputed(
                    leaf: 60_000, lossSum: .infinity, tokenCount: .max, seconds: 1e308, isFinite: false)),
            .evaluated(Evaluated(leaf: 65_535, scores: [])),
            .stateChunk(
                StateChunk(
                    section: .secondMoments, elementOffset: .max - 1, elementCount: 1,
                    sectionElementCount: .max,
                    checksum: Checksum.crc32([0, 0, 0, 0]), isLast: true, stateDigest: [])),
            .commit(
                Commit(
                    gradientDigest: [], tokenCount: 1, learningRate: .nan, biasCorrection1: 0,
                    biasCorrection2: 0)),
            .snapshotRequest(SnapshotRequest()), .finish(Finish(reason: "over")),
            .refuse(Refusal(code: .notAdmitted, message: "no")),
        ]
        return [self] + variants.map { with($0) }
            + bodies.map { body in
                var copy = self
                copy.body = body
                copy.payload = []
                if case .stateChunk = body { copy.payload = [[0, 0, 0, 0]] }
                return copy
            }
    }

    /// The chunk, behind it itself again and as if of other steps, attempts, nodes and senders, and damaged.
    var hostileData: [Envelope] {
        // Not a sum of its own for an attempt that is still to come: that would be a worker that computes wrongly.
        let variants: [(inout Header) -> Void] = [
            { _ in }, { $0.step -= 1 }, { $0.step += 7 }, { $0.step = .max }, { $0.step = 0 },
            { $0.generation += 5 },
            { $0.generation = .max }, { $0.runID ^= 1 }, { $0.term += 1 }, { $0.sender += 1 },
        ]
        var others: [Envelope] = []
        for change in [
            { (chunk: inout GradientChunk) in chunk.chunk = 1 << 20 - 1 }, { $0.nodeLevel = 16 },
            { $0.nodeIndex = 65_535 }, { $0.checksum ^= 1 },
        ] {
            var copy = self
            switch body {
            case .partial(var chunk):
                change(&chunk)
                copy.body = .partial(chunk)
            case .reduced(var chunk):
                change(&chunk)
                copy.body = .reduced(chunk)
            default: continue
            }
            others.append(copy)
        }
        return [self] + variants.map { with($0) } + others
    }
}
