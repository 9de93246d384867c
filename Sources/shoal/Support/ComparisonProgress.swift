import Comparison
import Foundation
import Glibc
import Synchronization

/// Says on stderr what a comparison is at: a line that moves on a terminal, one line each otherwise. Reads the run's
/// own metrics, so that it needs nothing of the process that trains.
final class ComparisonProgress: Sendable {
    private let title: String
    private let path: String?
    private let isQuiet: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isRunning = Mutex(true)
    private let start = ContinuousClock.now

    /// - Parameter path: the run whose steps are counted; nil: nothing is counted.
    init(title: String, path: String?, isQuiet: Bool) {
        self.title = title
        self.path = path
        self.isQuiet = isQuiet
    }

    /// Begins; asks `child` to end once the run has `stepLimit` steps. Once only: a third signal would end it before it has
    /// saved.
    func start(stopping child: ChildProcess? = nil, after stepLimit: Int = .max) {
        if !isQuiet && !isTerminal { StandardError.write("\(title) …\n") }
        let thread = Thread { [self] in
            var hasAsked = false
            while isRunning.withLock({ $0 }) {
                let run = path.flatMap { try? MeasuredRun(path: $0) }
                if let run, run.stepCount >= stepLimit, !hasAsked {
                    child?.terminate()
                    hasAsked = true
                }
                if isTerminal && !isQuiet { show(run) }
                Thread.sleep(forTimeInterval: 0.5)
            }
        }
        thread.name = "progress"
        thread.start()
    }

    /// The process has ended.
    func finish() {
        isRunning.withLock { $0 = false }
        guard !isQuiet else { return }
        let seconds = Format.decimal(Double((ContinuousClock.now - start).components.seconds), 0)
        StandardError.write(isTerminal ? "\r\u{1B}[2K\(title): \(seconds) s\n" : "  \(seconds) s\n")
    }

    private func show(_ run: MeasuredRun?) {
        var text = title
        if let run, let last = run.last {
            text +=
                "  step \(run.stepCount)  loss \(Format.decimal(last.loss, 4))  \(Format.decimal(last.tokensPerSecond, 0)) tokens/s"
        }
        isRunning.withLock { if $0 { StandardError.write("\r\u{1B}[2K\(text)") } }
    }
}
