import ArgumentParser
import Configurations
import Datasets
import Foundation
import Training

struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure a base or an adapter on rows.",
        discussion: """
            Prints loss and perplexity over the supervised tokens; for prompts with at most 64 distinct \
            completions also choice_accuracy (the row's completion is the likeliest of them) and exact_match (greedy \
            decoding gives it); for rows of text and label accuracy, F1 and how often rows of each label were taken \
            for each.

            Example:
              shoal eval Examples/reviews/config.yaml --adapter runs/quickstart/adapter --json
            """)

    @Argument(
        help:
            "A configuration: its base, its data settings, and its data.valid or data.valid_fraction unless --data is given."
    )
    var config: String?

    @Option(help: "A Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String?

    @OptionGroup(title: "Adapters") var adapters: AdapterOptions

    @Option(help: "A file of rows; may be repeated.")
    var data: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: "Compute threads (default: the processors this process may use).")
    var threads: Int?

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if config == nil && base == nil { throw ValidationError("give a CONFIG, or --base") }
        if config == nil && data.isEmpty { throw ValidationError("give a CONFIG, or --data FILE") }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
    }

    func run() async throws {
        let log = logging.bootstrap()
        var configuration =
            try config.map { try ConfigurationLoader().load(path: $0) }
            ?? RunConfiguration(base: base ?? "")
        if let base { configuration.base = base }
        let model = try await adapters.model(base: configuration.base, logger: log)
        let evaluator = try Evaluator(
            model: model, paths: data.isEmpty ? nil : data, data: configuration.data,
            seed: configuration.training.seed,
            maxTokensPerMicroBatch: configuration.training.maxTokensPerMicroBatch,
            threadCount: threads ?? ProcessorCount.available())
        let showsProgress = isatty(STDERR_FILENO) == 1 && !logging.quiet
        let result = try evaluator.run { done in
            if showsProgress { StandardError.write("\r\u{1B}[2K\(done)/\(evaluator.rowCount) rows") }
        }
        if showsProgress { StandardError.write("\r\u{1B}[2K") }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            StandardOutput.write(String(decoding: try encoder.encode(result), as: UTF8.self) + "\n")
            return
        }
        var rows = [
            ["rows", Format.count(result.rows)],
            ["supervised tokens", Format.count(result.supervisedTokens)],
            ["loss", Format.decimal(result.loss, 4)], ["perplexity", Format.decimal(result.perplexity, 3)],
        ]
        if let accuracy = result.choiceAccuracy {
            rows.append(["choice accuracy", Format.decimal(100 * accuracy, 2) + " %"])
        }
        if let match = result.exactMatch {
            rows.append(["exact match", Format.decimal(100 * match, 2) + " %"])
        }
        if let confusion = result.confusion {
            rows.append(["accuracy", Format.decimal(100 * confusion.accuracy, 2) + " %"])
            rows.append(["macro F1", Format.decimal(confusion.macroF1, 4)])
            rows.append(["weighted F1", Format.decimal(confusion.weightedF1, 4)])
        }
        StandardOutput.write(Format.table(rows))
        if let confusion = result.confusion {
            StandardOutput.write("\nrows of each label (down) by the label predicted (across)\n")
            StandardOutput.write(
                Format.table(
                    [[""] + confusion.labels]
                        + zip(confusion.labels, confusion.counts).map { [$0] + $1.map(Format.count) }))
        }
    }
}
