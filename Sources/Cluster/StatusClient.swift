import Foundation
import Synchronization
import Transports
public import WireProtocol
import ZeroMQ

/// Asks a coordinator how its run is doing, as somebody who takes no part in it.
public final class StatusClient: Sendable {
    private let address: String
    private let events: EventLoop
    private let link: LoopBound<ControlClient>
    private let state = Mutex(State())
    private let hasNews = DispatchSemaphore(value: 0)

    private struct State {
        var report: StatusReport?
        /// What the connection said last, for the message when no answer comes.
        var trouble: String?
        var isFinal = false
    }

    /// Begins to connect.
    ///
    /// - Parameter address: the coordinator's control endpoint, `tcp://HOST:PORT` or `ipc://PATH`.
    /// - Throws: `TransportError` for an address that is none.
    public init(address: String, security: WorkerSecurity) throws {
        self.address = address
        events = try EventLoop(name: "status-io", context: try ZMQContext())
        do {
            link = try events.run { io in
                io.bind(try ControlClient(io, endpoint: address, security: security.ofControl))
            }
        } catch {
            events.stop()
            throw error
        }
        events.post { [link, weak self] io in
            let client = link(io)
            client.onMessage = { envelope in
                if case .statusReport(let report) = envelope.body { self?.take { $0.report = report } }
            }
            client.onMalformed = { error in
                if error.code == .version {
                    self?.take { ($0.trouble, $0.isFinal) = (error.message, true) }
                }
            }
            client.onConnection = { event in
                switch event {
                case .denied:
                    self?.take {
                        $0.trouble =
                            "it does not admit these keys; are they of its --keys folder, or its token?"
                        $0.isFinal = true
                    }
                case .handshakeFailed:
                    self?.take { $0.trouble = "whoever answers there is no coordinator, or uses other keys" }
                case .retrying: self?.take { $0.trouble = "nobody answers there; is it running?" }
                case .established, .disconnected: break
                }
            }
        }
    }

    private func take(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        hasNews.signal()
    }

    /// Asks once and waits for the answer.
    ///
    /// - Throws: ``ClusterError`` with code `.unreachable` that says what the connection met.
    public func report(within limit: Duration = .seconds(5)) throws -> StatusReport {
        state.withLock { $0.report = nil }
        events.post { [link] io in
            _ = link(io).send(Envelope(header: Envelope.Header(), body: .statusRequest(StatusRequest())))
        }
        let deadline = DispatchTime.now() + limit.inSeconds
        while true {
            let isInTime = hasNews.wait(timeout: deadline) == .success
            let (report, trouble, isFinal) = state.withLock { ($0.report, $0.trouble, $0.isFinal) }
            if let report { return report }
            guard isInTime, !isFinal else {
                throw ClusterError(
                    .unreachable,
                    "no answer from the coordinator at \(address): \(trouble ?? "it is silent; is the address right?")"
                )
            }
        }
    }

    /// Ends the connection.
    public func close() {
        events.post { [link] io in link(io).close(linger: .zero) }
        events.stop()
    }
}
