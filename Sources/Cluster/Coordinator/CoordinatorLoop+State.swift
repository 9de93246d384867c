import Coordination
import Dispatch
import FaultPoints
import Training
import Transports
import WireProtocol

extension CoordinatorLoop {
    /// Keeps a piece of a worker's state; with the last one, digests it off the I/O thread.
    func store(_ chunk: StateChunk, payload: [UInt8], from id: UInt32) {
        FaultPoint.snapshotReceived.pass()
        do {
            try receiver.take(chunk, payload: payload)
        } catch {
            return handle(.snapshotRefused(from: id, reason: "\(error)"))
        }
        guard receiver.isComplete, let snapshot = receiver.snapshot(step: stepOfSnapshot) else { return }
        receiver = StateReceiver(parameterCount: driver.parameterCount)
        let bound = bound
        let loop = io.loop
        DispatchQueue.global().async {
            let digest = snapshot.digest
            loop.post { io in
                // Its worker may be lost by now, and the checkpoint's state be the one that is held.
                bound(io).arrived = (snapshot, digest)
                bound(io).handle(.snapshotReceived(from: id, step: snapshot.step, digest: digest))
                bound(io).arrived = nil
            }
        }
    }

    /// Streams the held state to a worker.
    func sendState(_ header: Envelope.Header, to connection: ConnectionID) {
        guard let held else { return }
        senders[connection] = StateSender(held.snapshot, header: header, digest: held.digest)
        sendChunks(to: connection)
    }

    /// A chunk a turn, so that heartbeats and everything else get theirs; goes on when there is room.
    func sendChunks(to connection: ConnectionID) {
        guard let envelope = senders[connection]?.current else {
            senders[connection] = nil
            return
        }
        FaultPoint.stateSent.pass()
        guard sockets.sendControl(envelope, to: connection) else { return }
        senders[connection]?.advance()
        io.schedule(after: .zero) { [weak self] in self?.sendChunks(to: connection) }
    }
}
