import Synchronization

/// The exit status of the last worker that ended on its own, from whatever thread.
final class LastStatus: Sendable {
    private let status = Mutex<Int32?>(nil)

    func set(_ new: Int32) { status.withLock { $0 = new } }

    func get() -> Int32? { status.withLock { $0 } }
}
