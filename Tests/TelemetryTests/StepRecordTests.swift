import Foundation
import Telemetry
import Testing

/// A record whose numbers all differ.
func record(step: Int, loss: Double = 0.5) -> StepRecord {
    StepRecord(
        step: step, epoch: 0.25, loss: loss, gradientNorm: 1.5, learningRate: 2e-4, tokenCount: 1000,
        supervisedTokenCount: 90, tokensPerSecond: 1234.5, stepSeconds: 2, computeSeconds: 1.75,
        reduceSeconds: 0.2, exposedReduceSeconds: 0.1, wireBytesSent: 11, wireBytesReceived: 12,
        workerCount: 2,
        generation: 3, peakResidentBytes: 1 << 40, gradientDigest: "ab", messagesDropped: 5,
        connectionsRefused: 6)
}

@Suite("Step records")
struct StepRecordTests {
    @Test("a line of metrics.jsonl has exactly the documented fields, in that order")
    func fieldsAreThoseOfTheDesign() {
        #expect(
            record(step: 7).jsonLine
                == #"{"step":7,"epoch":0.25,"loss":0.5,"grad_norm":1.5,"learning_rate":0.0002,"tokens":1000,"#
                + #""supervised_tokens":90,"tokens_per_second":1234.5,"step_seconds":2.0,"compute_seconds":1.75,"#
                + #""reduce_seconds":0.2,"exposed_reduce_seconds":0.1,"wire_bytes_sent":11,"#
                + #""wire_bytes_received":12,"workers":2,"generation":3,"peak_rss_bytes":1099511627776,"#
                + #""gradient_digest":"ab","messages_dropped":5,"connections_refused":6}"#)
    }

    @Test("a line is read back to the bit, and a number that is not finite as not a number")
    func roundTrips() throws {
        var written = record(step: 7, loss: 0.1 + 0.2)
        written.learningRate = .leastNonzeroMagnitude
        let read = try JSONDecoder().decode(StepRecord.self, from: Data(written.jsonLine.utf8))
        #expect(read == written)
        let skipped = try JSONDecoder().decode(
            StepRecord.self, from: Data(record(step: 8, loss: .nan).jsonLine.utf8))
        #expect(skipped.loss.isNaN)
    }

    @Test("a line of an earlier version, without what was dropped, is read")
    func readsOlderLines() throws {
        let line = record(step: 7).jsonLine.replacing(
            #","messages_dropped":5,"connections_refused":6"#, with: "")
        let read = try JSONDecoder().decode(StepRecord.self, from: Data(line.utf8))
        #expect(read.messagesDropped == 0 && read.gradientDigest == "ab")
    }

    @Test("evaluation records are read back, with and without a choice accuracy")
    func evaluationsRoundTrip() throws {
        for accuracy in [nil, 0.875] {
            let written = EvaluationRecord(
                step: 30, epoch: 1, loss: 0.3, perplexity: 1.35, supervisedTokenCount: 9,
                choiceAccuracy: accuracy,
                exactMatch: accuracy, isBest: true, seconds: 4)
            let read = try JSONDecoder().decode(EvaluationRecord.self, from: Data(written.jsonLine.utf8))
            #expect(read == written)
            #expect(written.jsonLine.contains("choice_accuracy") == (accuracy != nil))
        }
    }

    @Test("events are read back, whatever their text holds")
    func eventsRoundTrip() throws {
        let written = EventRecord(
            event: "worker-lost", step: 3, details: ["host": "a \"b\"\n\u{1}\\ü", "worker": "2"])
        #expect(!written.jsonLine.contains("\n"))
        let read = try JSONDecoder().decode(EventRecord.self, from: Data(written.jsonLine.utf8))
        #expect(read == written)
        for milliseconds in 1_795_493_744_000..<1_795_493_744_100 {
            let exact = EventRecord(
                time: Date(timeIntervalSince1970: Double(milliseconds) / 1000), event: "start")
            #expect(try JSONDecoder().decode(EventRecord.self, from: Data(exact.jsonLine.utf8)) == exact)
        }
        let fixed = EventRecord(time: Date(timeIntervalSince1970: 1.5), event: "start")
        #expect(fixed.jsonLine == #"{"time":"1970-01-01T00:00:01.500Z","event":"start","details":{}}"#)
    }
}
