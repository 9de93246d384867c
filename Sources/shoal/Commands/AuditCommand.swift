import ArgumentParser
import Checkpoints
import Foundation
import Training

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the ledger of a run: every example once an epoch, nothing changed afterwards.",
        discussion: """
            Compares RUN/ledger.jsonl (each line holds the hash of the one before) with the examples that the sampler \
            deals from the files that RUN/config.yaml names, with the metrics, and with checkpoints and adapter, whose \
            every file is read. Computes nothing; `shoal prove` does. Exits with status 65 and the problems when \
            something does not hold.

            Example:
              shoal audit runs/quickstart
            """)

    @Argument(help: ArgumentHelp("A RUN folder.", valueName: "run"))
    var path: String

    @Flag(help: "The result as one line of JSON.")
    var json = false

    func run() throws {
        let audit = try RunAudit(path: path)
        if json { try showJSON(audit) } else { show(audit) }
        guard audit.problems.isEmpty else {
            throw CommandEnding(
                status: ExitStatus.badData,
                message:
                    "error: \(path): \(audit.problems.count) problems; this is not the run that the ledger promises"
            )
        }
    }

    private func show(_ audit: RunAudit) {
        StandardOutput.write(
            Format.table([
                ["steps", Format.count(audit.ledger.stepCount)],
                ["examples", Format.count(audit.exampleCount)],
                ["whole epochs", Format.count(audit.ledger.completeEpochCount)],
                ["examples of the open epoch", Format.count(audit.ledger.openEpochExampleCount)],
                ["steps that took several attempts", Format.count(audit.ledger.retriedStepCount)],
                ["coordinators that committed", Format.count(audit.ledger.termCount)],
                ["checkpoints compared", Format.count(audit.checkpointCount)],
            ]) + "\n")
        let total = max(1, audit.ledger.shares.reduce(0) { $0 + $1.microBatchCount })
        let rows = audit.ledger.shares.map { share in
            [
                "worker \(share.worker)", "\(share.term)", audit.hosts[share.term]?[share.worker] ?? "",
                Format.count(share.microBatchCount),
                Format.decimal(100 * Double(share.microBatchCount) / Double(total), 1) + " %",
                "\(share.firstStep)–\(share.lastStep)",
            ]
        }
        StandardOutput.write(
            Format.table([["who", "term", "host", "micro-batches", "share", "steps"]] + rows) + "\n")
        for note in audit.notes { StandardOutput.write("note: \(note)\n") }
        for problem in audit.problems { StandardOutput.write("problem: \(problem)\n") }
        if audit.problems.isEmpty {
            StandardOutput.write("the ledger holds: every example once an epoch, the chain unbroken\n")
        }
    }

    private struct Report: Encodable {
        let steps: Int
        let examples: Int
        let wholeEpochs: Int
        let openEpochExamples: Int
        let retriedSteps: Int
        let terms: Int
        let checkpoints: Int
        let shares: [LedgerAudit.Share]
        let notes: [String]
        let problems: [String]
    }

    private func showJSON(_ audit: RunAudit) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let report = Report(
            steps: audit.ledger.stepCount, examples: audit.exampleCount,
            wholeEpochs: audit.ledger.completeEpochCount,
            openEpochExamples: audit.ledger.openEpochExampleCount,
            retriedSteps: audit.ledger.retriedStepCount, terms: audit.ledger.termCount,
            checkpoints: audit.checkpointCount, shares: audit.ledger.shares, notes: audit.notes,
            problems: audit.problems)
        StandardOutput.write(String(decoding: try encoder.encode(report), as: UTF8.self) + "\n")
    }
}
