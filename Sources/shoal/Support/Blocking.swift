import Foundation

/// Runs what blocks for as long as a run lasts on a thread of its own, so that Swift's pool stays free.
enum Blocking {
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result
    {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
            thread.stackSize = 4 << 20
            thread.name = "service"
            thread.start()
        }
    }
}
