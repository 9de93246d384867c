import DurableFiles
import Optimizers
import Synchronization

/// The state that a life of the coordinator goes on from. It is handed out once and then not kept, because that of a whole
/// base is large; should it be asked for again, it is made again.
final class RunStart: Sendable {
    /// Optimizer steps taken.
    let step: Int
    private let state: Mutex<TrainingState?>
    private let make: @Sendable () throws -> TrainingState

    /// - Parameter make: the same state in new memory.
    init(_ state: TrainingState, make: @escaping @Sendable () throws -> TrainingState) {
        step = state.step
        self.state = Mutex(state)
        self.make = make
    }

    /// The state; its vectors are the caller's.
    func take() throws -> TrainingState {
        let held = state.withLock { state in
            defer { state = nil }
            return state
        }
        return try held ?? make()
    }

    /// The state's digest.
    func digest() throws -> Digest { try (state.withLock { $0 } ?? make()).digest() }
}
