import Foundation
import Synchronization

/// Shows how training goes on: a bar on a terminal, otherwise a plain line now and then. Writes to stderr.
///
/// Messages that are written through it do not run into the bar. May be shared between threads.
public final class ProgressDisplay: Sendable {
    private struct State {
        var totalSteps: Int?
        /// A mean of the seconds of a step in which recent steps count most.
        var secondsPerStep: Double?
        var lastLineAt: ContinuousClock.Instant?
        /// Whether the cursor stands behind a bar.
        var showsBar = false
    }

    private let state: Mutex<State>
    private let isTerminal: Bool
    private let columns: Int
    /// Time between two plain lines.
    private let interval: Duration
    private let write: @Sendable (String) -> Void

    /// A display on stderr; a bar where stderr is a terminal.
    ///
    /// - Parameter totalSteps: steps of the whole run, where known.
    public convenience init(totalSteps: Int?) {
        let environment = ProcessInfo.processInfo.environment
        self.init(
            totalSteps: totalSteps, isTerminal: isatty(2) == 1 && environment["TERM"] != "dumb",
            columns: environment["COLUMNS"].flatMap { Int($0) } ?? 80, interval: .seconds(10)
        ) { text in
            // A closed stderr is no reason to stop training.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    }

    /// A display on anything.
    ///
    /// - Parameters:
    ///   - interval: least time between two plain lines; the first and the last step always have one.
    ///   - write: is given pieces of text.
    public init(
        totalSteps: Int?, isTerminal: Bool, columns: Int, interval: Duration,
        write: @escaping @Sendable (String) -> Void
    ) {
        state = Mutex(State(totalSteps: totalSteps))
        self.isTerminal = isTerminal
        self.columns = columns
        self.interval = interval
        self.write = write
    }

    /// Shows a step that is done.
    ///
    /// - Parameter remarks: what is out of the ordinary, as a worker that is slow; short.
    public func show(_ record: StepRecord, remarks: [String] = [], at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            state.secondsPerStep =
                state.secondsPerStep.map { 0.8 * $0 + 0.2 * record.stepSeconds } ?? record.stepSeconds
            let stepsLeft = state.totalSteps.map { max(0, $0 - record.step) }
            let text = ProgressText(
                step: record.step, totalSteps: state.totalSteps, loss: record.loss,
                tokensPerSecond: record.tokensPerSecond, workerCount: record.workerCount,
                secondsLeft: stepsLeft.flatMap { left in state.secondsPerStep.map { Double(left) * $0 } },
                remarks: remarks)
            if isTerminal {
                write("\r\u{1B}[K" + text.bar(columns: columns))
                state.showsBar = true
            } else if stepsLeft == 0 || state.lastLineAt.map({ now - $0 >= interval }) ?? true {
                write(text.line + "\n")
                state.lastLineAt = now
            }
        }
    }

    /// Writes a line above the bar.
    public func message(_ text: String) {
        state.withLock { state in
            write((state.showsBar ? "\r\u{1B}[K" : "") + text + "\n")
            state.showsBar = false
        }
    }

    /// Leaves the bar where it is and ends its line.
    public func finish() {
        state.withLock { state in
            if state.showsBar { write("\n") }
            state.showsBar = false
        }
    }
}
