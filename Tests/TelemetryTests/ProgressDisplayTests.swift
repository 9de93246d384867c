import Logging
import Synchronization
import Telemetry
import Testing

/// Collects what a display writes.
private final class Output: Sendable {
    private let text = Mutex("")
    func write(_ piece: String) { text.withLock { $0 += piece } }
    var all: String { text.withLock { $0 } }
}

@Suite("Progress display")
struct ProgressDisplayTests {
    @Test("a line says step, loss, speed, workers and time left")
    func lineSaysAll() {
        let text = ProgressText(
            step: 12, totalSteps: 30, loss: 0.43118, tokensPerSecond: 1234.4, workerCount: 2,
            secondsLeft: 3723)
        #expect(text.line == "step 12/30  loss 0.4312  1,234 tokens/s  2 workers  1:02:03 left")
        let open = ProgressText(
            step: 1_000, totalSteps: nil, loss: .nan, tokensPerSecond: 1_234_567, workerCount: 1,
            secondsLeft: nil)
        #expect(open.line == "step 1000  loss nan  1,234,567 tokens/s  1 worker")
    }

    @Test("a bar never reaches the last column, at any width", arguments: [0, 1, 10, 40, 70, 80, 120, 400])
    func barFits(columns: Int) {
        for step in [0, 1, 15, 29, 30, 31] {
            let text = ProgressText(
                step: step, totalSteps: 30, loss: 0.4, tokensPerSecond: 99, workerCount: 2, secondsLeft: 41)
            #expect(text.bar(columns: columns).count <= max(0, columns - 1))
        }
        let half = ProgressText(
            step: 15, totalSteps: 30, loss: 0.4, tokensPerSecond: 99, workerCount: 2, secondsLeft: 41)
        if columns == 120 {
            #expect(
                half.bar(columns: columns).hasPrefix(
                    "15/30 [===================>                    ]  loss 0.4000"))
        }
    }

    @Test("on a terminal the bar is drawn over, and messages stand above it")
    func terminal() {
        let output = Output()
        let display = ProgressDisplay(
            totalSteps: 3, isTerminal: true, columns: 100, interval: .seconds(10), write: output.write)
        display.show(record(step: 1))
        display.message("a worker joined")
        display.show(record(step: 2))
        display.finish()
        let pieces = output.all.split(separator: "\r", omittingEmptySubsequences: false).map(String.init)
        #expect(pieces.count == 4)
        #expect(pieces[1].hasPrefix("\u{1B}[K1/3 ["))
        #expect(pieces[2] == "\u{1B}[Ka worker joined\n")
        #expect(pieces[3].hasPrefix("\u{1B}[K2/3 [") && pieces[3].hasSuffix("0:02 left\n"))
    }

    @Test("elsewhere there is a line for the first and last step and one each interval")
    func plainLines() {
        let output = Output()
        let display = ProgressDisplay(
            totalSteps: 20, isTerminal: false, columns: 80, interval: .seconds(10), write: output.write)
        let start = ContinuousClock.now
        for step in 1...20 { display.show(record(step: step), at: start + .seconds(step * 3)) }
        display.finish()
        let steps = output.all.split(separator: "\n").map { String($0.prefix { $0 != "/" }) }
        #expect(steps == ["step 1", "step 5", "step 9", "step 13", "step 17", "step 20"])
    }

    @Test("log messages go through the display, with their level and metadata")
    func logMessages() {
        let output = Output()
        let display = ProgressDisplay(
            totalSteps: nil, isTerminal: false, columns: 80, interval: .zero, write: output.write)
        var logger = Logger(label: "test", factory: { _ in ProgressLogHandler(display: display) })
        logger[metadataKey: "step"] = "12"
        logger.info("worker joined", metadata: ["worker": "3"])
        logger.warning("worker lost")
        logger.debug("not shown")
        #expect(output.all == "worker joined (step=12, worker=3)\nwarning: worker lost (step=12)\n")
    }
}
