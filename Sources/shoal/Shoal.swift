import ArgumentParser
import FaultPoints
import Foundation
import Glibc

/// The command line: one executable, a verb a file.
struct Shoal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract:
            "Fine-tune language models with LoRA on many CPU machines, to the same bits on any cluster.",
        discussion: """
            A coordinator owns the run and the data; workers hold the frozen base model and compute gradients of \
            the adapter alone. `shoal train` starts both on this machine; `shoal coordinator` and `shoal worker` \
            start them on several.

            Example:
              shoal init --base data/SmolLM2-135M-Instruct.Q4_1.gguf --data data/reviews.train.jsonl > config.yaml
              shoal train config.yaml --workers 2
            """,
        version: Version.description,
        groupedSubcommands: [
            CommandGroup(
                name: "Train",
                subcommands: [
                    InitCommand.self, PreflightCommand.self, TrainCommand.self, CoordinatorCommand.self,
                    WorkerCommand.self, KeysCommand.self,
                ]),
            CommandGroup(name: "Compare", subcommands: [CompareCommand.self, LabCommand.self]),
            CommandGroup(
                name: "Use",
                subcommands: [
                    EvalCommand.self, GenerateCommand.self, ChatCommand.self, MergeCommand.self,
                    ExportCommand.self,
                ]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    InspectCommand.self, AuditCommand.self, ProveCommand.self, StatusCommand.self,
                    TokenizeCommand.self,
                    CacheCommand.self,
                ]),
        ])
}

/// Parses, runs, and turns whatever went wrong into one message and an exit status.
@main
enum Main {
    static func main() async {
        // A reader that goes away (`shoal generate | head`) is an error of that write, not the end by signal.
        signal(SIGPIPE, SIG_IGN)
        do {
            if let fault = try Fault.arm(from: ProcessInfo.processInfo.environment) {
                StandardError.write(
                    "shoal: a test asked for a fault here: \(Fault.environmentVariable)=\(fault)\n")
            }
            try await run(try Shoal.parseAsRoot())
        } catch {
            ExitStatus.end(with: error)
        }
    }

    private static func run(_ parsed: any ParsableCommand) async throws {
        var command = parsed
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ValidationError {
            // ArgumentParser would add the usage of no verb in particular.
            throw CommandEnding(status: ExitStatus.usage, message: "error: \(error.message)")
        }
    }
}
