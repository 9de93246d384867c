public import Checkpoints
import Configurations
import Datasets
import DurableFiles
import Foundation
import Telemetry

/// What `shoal audit` finds out about a run: its ledger against the rows and the sampler, against the metrics, and
/// against checkpoints and adapter.
public struct RunAudit: Sendable {
    /// Examples of an epoch.
    public let exampleCount: Int
    public let ledger: LedgerAudit
    /// Checkpoints whose files, and whose account of the ledger, were compared.
    public let checkpointCount: Int
    /// Hosts of the workers by term and worker, as far as events.jsonl tells.
    public let hosts: [UInt64: [UInt32: String]]
    /// What is unusual and breaks no promise.
    public let notes: [String]
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
        let sampler = StepSampler(
            configuration,
            exampleIDs: try dataset.split(validFraction: configuration.data.validFraction).train)
        exampleCount = sampler.exampleIDs.count
        // A step is in the ledger before anything else tells of it: read last, the ledger of a run under way has all
        // that the other files mention.
        let metrics = FileManager.default.contents(atPath: path + "/metrics.jsonl") ?? Data()
        let files = try RunFiles(path: path, configuration: configuration)
        let events: [EventRecord] = try RecordLog<EventRecord>.read(path + "/events.jsonl")
        let entries = try Ledger.read(path + "/ledger.jsonl")

        ledger = LedgerAudit(entries, exampleCount: exampleCount) { sampler.exampleIDs(ofStep: $0) }
        checkpointCount = files.checkpoints.count
        hosts = Self.hosts(events)
        notes =
            (Ledger.hasTornLine(path + "/ledger.jsonl")
                ? ["ledger.jsonl ends in half a line: its step was not committed, and resuming cuts it"] : [])
            + (metrics.isEmpty || metrics.last == UInt8(ascii: "\n")
                ? [] : ["metrics.jsonl ends in half a line; resuming cuts it"]) + files.notes
        let identity = RunIdentity(
            baseDigest: Digest.sha256(""), tokenizerDigest: Digest.sha256(""),
            dataDigests: try configuration.dataDigests(), configuration: configuration.valuesKeptForLife)
        problems =
            ledger.problems + files.problems
            + files.checkpoints.flatMap { Self.problems($0, entries: entries, identity: identity) }
            + Self.problems(metrics: metrics, entries: entries)
    }

    /// Compares what a checkpoint recorded of the ledger, of its state and of the run's inputs.
    private static func problems(
        _ checkpoint: RunFiles.Checkpoint, entries: [LedgerEntry], identity: RunIdentity
    ) -> [String] {
        let (name, state) = (checkpoint.name, checkpoint.state)
        var problems = identity.filesAndKeysDiffering(from: checkpoint.manifest.identity).map {
            "\(name): was written with \($0)"
        }
        guard (0...entries.count).contains(state.step) else {
            return problems + ["\(name): is of step \(state.step), the ledger ends at \(entries.count)"]
        }
        let head = state.step == 0 ? LedgerEntry.noLine : Digest.sha256(entries[state.step - 1].jsonLine)
        if state.ledgerHead != head {
            problems.append("\(name): was saved beside another line of step \(state.step)")
        }
        if state.step < entries.count, let before = entries[state.step].stateDigestBefore,
            before != state.stateDigest
        {
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

    /// Compares the metrics with the ledger: a line a step, with its gradient's digest. The last step may still lack
    /// its line.
    private static func problems(metrics: Data, entries: [LedgerEntry]) -> [String] {
        var problems: [String] = []
        var seen: Set<Int> = []
        for line in metrics.split(separator: UInt8(ascii: "\n")) {
            guard let metric = try? JSONDecoder().decode(Metric.self, from: line) else { continue }
            guard metric.step >= 1, metric.step <= entries.count else {
                problems.append("metrics.jsonl: has step \(metric.step), the ledger ends at \(entries.count)")
                continue
            }
            if !seen.insert(metric.step).inserted {
                problems.append("metrics.jsonl: has step \(metric.step) a second time")
            }
            if entries[metric.step - 1].gradientDigest.hex != metric.gradientDigest {
                problems.append(
                    "step \(metric.step): metrics.jsonl has another gradient digest than the ledger")
            }
        }
        let missing = (1..<max(1, entries.count)).filter { !seen.contains($0) }
        if let first = missing.first {
            problems.append(
                "metrics.jsonl: has no line of step \(first)"
                    + (missing.count > 1 ? " and \(missing.count - 1) others" : ""))
        }
        return problems
    }

    /// Which host a worker was on, from the coordinators' starts and the registrations behind each.
    private static func hosts(_ events: [EventRecord]) -> [UInt64: [UInt32: String]] {
        var term: UInt64 = 1
        var hosts: [UInt64: [UInt32: String]] = [:]
        for event in events {
            if event.event == "started" { term = event.details["term"].flatMap { UInt64($0) } ?? term }
            guard event.event == "registered", let worker = event.details["worker"].flatMap({ UInt32($0) }),
                let host = event.details["host"]
            else { continue }
            hosts[term, default: [:]][worker] = host
        }
        return hosts
    }
}

extension StepSampler {
    /// The sampler of a run that trains on these rows.
    convenience init(_ configuration: RunConfiguration, exampleIDs: [UInt32]) {
        self.init(
            exampleIDs: exampleIDs, batchSize: configuration.training.batchSize,
            seed: configuration.training.seed, shuffles: configuration.data.shuffle,
            length: configuration.training.maxSteps.map { .steps($0) }
                ?? .epochs(configuration.training.numTrainEpochs))
    }
}
