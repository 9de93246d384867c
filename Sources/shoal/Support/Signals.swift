import Dispatch
import Glibc

/// Signals as calls instead of sudden death.
enum Signals {
    /// What stops the handling again.
    final class Handle {
        private let sources: [any DispatchSourceSignal]

        fileprivate init(_ sources: [any DispatchSourceSignal]) { self.sources = sources }

        func cancel() { for source in sources { source.cancel() } }
    }

    /// Calls `body` with the signal's name each time one of `signals` arrives; a third one ends the process.
    static func handle(_ signals: [Int32], _ body: @escaping @Sendable (String) -> Void) -> Handle {
        Handle(
            signals.map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                let name = number == SIGINT ? "Ctrl-C" : number == SIGTERM ? "SIGTERM" : "signal \(number)"
                let count = Counter()
                source.setEventHandler {
                    if count.next() >= 3 { exit(128 + number) }
                    body(name)
                }
                source.resume()
                return source
            })
    }
}

/// Counts calls; used on one queue at a time.
private final class Counter: @unchecked Sendable {
    // Safety: a dispatch source calls its handler on one thread at a time.
    private var count = 0
    func next() -> Int {
        count += 1
        return count
    }
}
