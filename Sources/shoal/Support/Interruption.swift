import Synchronization

/// Hands a signal on to the child that runs at the moment, and remembers it for those that would come after.
final class Interruption: Sendable {
    private struct State {
        var isInterrupted = false
        var child: ChildProcess?
    }

    private let state = Mutex(State())

    /// Whether a signal has come.
    var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// The child that a signal is for from now on.
    func watch(_ child: ChildProcess) {
        let isInterrupted = state.withLock { state in
            state.child = child
            return state.isInterrupted
        }
        if isInterrupted { child.terminate() }
    }

    /// A signal has come.
    func interrupt() {
        let child = state.withLock { state in
            state.isInterrupted = true
            return state.child
        }
        child?.terminate()
    }
}
