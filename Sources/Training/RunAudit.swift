public import Checkpoints
import Configurations
import Datasets
import DurableFiles
import Foundation

/// What `shoal audit` finds out about a run: its ledger against the rows, the checkpoints and the metrics.
public struct RunAudit: Sendable {
    /// Examples of an epoch.
    public let exampleCount: Int
    public let ledger: LedgerAudit
    /// Checkpoints whose account of the ledger was compared.
    public let checkpointCount: Int
    /// What is wrong, one sentence each; empty when the promise holds.
    public let problems: [String]

    /// Reads RUN without taking its lock, so a run under way can be looked at.
    ///
    /// - Throws: `CheckpointError` with code `.notARun`, or `.brokenLedger` that names the line; errors of the
    ///   configuration and of the data files it names.
    public init(path: String) throws {
        _ = try RunDirectory.readRunID(path)
        let configuration = try ConfigurationLoader().load(path: path + "/config.yaml").resolved()
        let dataset = try Dataset(
            paths: configuration.data.train, columns: configuration.data.columns.dictionary)
        exampleCount = try dataset.split(validFraction: configuration.data.validFraction).train.count
        // A step is in the ledger before anything else tells of it: read last, the ledger of a run under way has all
        // that the other files mention.
        let metrics = FileManager.default.contents(atPath: path + "/metrics.jsonl") ?? Data()
        let checkpoints = try Self.checkpoints(of: path)
        let entries = try Ledger.read(path + "/ledger.jsonl")
        ledger = LedgerAudit(entries, exampleCount: exampleCount)
        checkpointCount = checkpoints.states.count
        problems =
            ledger.problems + checkpoints.problems
            + checkpoints.states.flatMap { Self.problems($0.name, $0.state, entries: entries) }
            + Self.problems(metrics: metrics, entries: entries)
    }

    /// What the checkpoints that are there recorded.
    private static func checkpoints(
        of path: String
    ) throws -> (states: [(name: String, state: TrainerState)], problems: [String]) {
        let folder = path + "/checkpoints"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasPrefix("step-") }.sorted()
        var states: [(String, TrainerState)] = []
        var problems: [String] = []
        for name in names {
            let file = "\(folder)/\(name)/\(CheckpointStore.trainerStateFileName)"
            // A run under way removes old checkpoints.
            guard let data = FileManager.default.contents(atPath: file) else { continue }
            if let state = try? JSONDecoder().decode(TrainerState.self, from: data) {
                states.append((name, state))
            } else {
                problems.append("\(file): not readable")
            }
        }
        return (states, problems)
    }

    /// Compares what a checkpoint recorded of the ledger and of its state with the ledger.
    private static func problems(_ name: String, _ state: TrainerState, entries: [LedgerEntry]) -> [String] {
        guard (0...entries.count).contains(state.step) else {
            return ["\(name): is of step \(state.step), the ledger ends at \(entries.count)"]
        }
        var problems: [String] = []
        let head =
            state.step == 0 ? LedgerEntry.noLine : Digest.sha256(entries[state.step - 1].jsonLine)
        if state.ledgerHead != head {
            problems.append("\(name): was saved beside another line of step \(state.step)")
        }
        if state.step < entries.count, entries[state.step].stateDigestBefore != state.stateDigest {
            problems.append("step \(state.step + 1): did not begin with the state that \(name) holds")
        }
        return problems
    }

    private struct Metric: Decodable {
        let step: Int
        let gradientDigest: String

        private enum CodingKeys: String, CodingKey {
            case step
            case gradientDigest = "gradient_digest"
        }
    }

    /// Compares the gradients' digests of the metrics, whose last line may be unfinished.
    private static func problems(metrics: Data, entries: [LedgerEntry]) -> [String] {
        metrics.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let metric = try? JSONDecoder().decode(Metric.self, from: line) else { return nil }
            guard metric.step >= 1, metric.step <= entries.count else {
                return "metrics.jsonl: has step \(metric.step), the ledger ends at \(entries.count)"
            }
            return entries[metric.step - 1].gradientDigest.hex == metric.gradientDigest
                ? nil : "step \(metric.step): metrics.jsonl has another gradient digest than the ledger"
        }
    }
}
