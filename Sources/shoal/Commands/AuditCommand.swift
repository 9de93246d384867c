import ArgumentParser
import Checkpoints
import Training

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the ledger of a run: every example once an epoch, nothing changed afterwards.",
        discussion: """
            Reads RUN/ledger.jsonl (each line holds the hash of the one before), the metrics, and the checkpoints' \
            own account of it. Exits with status 65 and the problems when something does not hold. The rows are \
            counted in the files that RUN/config.yaml names.

            Example:
              shoal audit runs/reviews
            """)

    @Argument(help: ArgumentHelp("A RUN folder.", valueName: "run"))
    var path: String

    func run() throws {
        let audit = try RunAudit(path: path)
        var rows = [
            ["steps", Format.count(audit.ledger.stepCount)],
            ["examples", Format.count(audit.exampleCount)],
            ["whole epochs", Format.count(audit.ledger.completeEpochCount)],
            ["examples of the open epoch", Format.count(audit.ledger.openEpochExampleCount)],
            ["checkpoints compared", Format.count(audit.checkpointCount)],
        ]
        let total = max(1, audit.ledger.leavesByWorker.values.reduce(0, +))
        for (worker, count) in audit.ledger.leavesByWorker.sorted(by: { $0.key < $1.key }) {
            let share = Format.decimal(100 * Double(count) / Double(total), 1)
            rows.append(["worker \(worker)", "\(Format.count(count)) micro-batches (\(share) %)"])
        }
        StandardOutput.write(Format.table(rows))
        guard audit.problems.isEmpty else {
            for problem in audit.problems { StandardOutput.write("problem: \(problem)\n") }
            throw CommandEnding(
                status: ExitStatus.badData,
                message:
                    "error: \(path): \(audit.problems.count) problems; this is not the run that the ledger promises"
            )
        }
        StandardOutput.write("the ledger holds: every example once an epoch, the chain unbroken\n")
    }
}
