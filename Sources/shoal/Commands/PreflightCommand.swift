import ArgumentParser
import Configurations
import Datasets
import Foundation
import Logging
import Training

struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight",
        abstract: "Make every check of a configuration, and say what it would train and need.",
        discussion: """
            Checks what `shoal train` checks before its first step (base, adapter, every row) and writes no run. \
            Memory is an estimate; bytes on the wire are those of gradients, in the table of modules for two workers. \
            FLOPs are what training a module adds to the frozen base for each token.

            Example:
              shoal preflight Examples/reviews/config.yaml --set adapter.r=16
            """)

    @Argument(help: "The configuration (YAML); `shoal init` writes one.")
    var config: String

    @OptionGroup(title: "Configuration") var overrides: OverrideOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func run() async throws {
        let log = logging.bootstrap()
        let configuration = try ConfigurationLoader(overrides: overrides.assignments).load(path: config)
        let setup = try await RunSetup(configuration, logger: log)
        let preflight = try Preflight(setup, maximumSteps: 200)
        let threads = ProcessorCount.available()
        for (title, text) in [
            ("Trained", targets(preflight)), ("Data", data(preflight, setup.configuration)),
            ("Memory", memory(preflight, threads: threads)), ("Wire", wire(preflight)),
        ] {
            StandardOutput.write("\(title)\n\(text)\n")
        }
        StandardOutput.write(
            "Each step feeds \(preflight.usefulThreadCount) compute threads, of all workers together.\n")
        if let warning = PreflightText.threadWarning(preflight, threads: threads) {
            log.warning("\(warning)")
        }
    }

    private func targets(_ preflight: Preflight) -> String {
        let rows = preflight.targets.map {
            [
                "  " + $0.name, "\($0.count)", $0.shape.map(String.init).joined(separator: " × "),
                $0.loraRank.map(String.init) ?? "all", Format.count($0.parameterCount),
                Format.count($0.operationCount), Format.bytes($0.wireByteCount),
            ]
        }
        let heads = ["  module", "count", "shape", "r", "parameters", "FLOPs a token", "wire a step"]
        return Format.table([heads] + rows)
            + "  \(PreflightText.trained(preflight))\n"
    }

    private func data(_ preflight: Preflight, _ configuration: RunConfiguration) -> String {
        let data = preflight.data
        let isPart = data.measuredRows < data.rows
        var rows = [
            ["  rows", Format.count(data.rows)],
            [
                "  steps",
                "\(Format.count(data.totalSteps)) (\(Format.count(data.stepsPerEpoch)) an epoch)",
            ],
            [
                "  tokens",
                "\(Format.count(data.tokens)), \(Format.count(data.supervisedTokens)) of them learned"
                    + (isPart ? " (the first \(Format.count(data.measuredRows)) rows of the order)" : ""),
            ],
            ["  longest row", "\(Format.count(data.longestRow)) tokens"],
            [
                "  micro-batches a step",
                data.fewestMicroBatches == data.mostMicroBatches
                    ? "\(data.mostMicroBatches)"
                    : "\(data.fewestMicroBatches) to \(data.mostMicroBatches), mostly "
                        + "\(data.medianMicroBatches)",
            ],
            ["  largest micro-batch", "\(Format.count(data.largestMicroBatch)) tokens"],
        ]
        if data.tokensCut > 0 {
            rows.append([
                "  cut",
                "\(Format.count(data.tokensCut)) tokens, of \(data.promptsCut) prompts and "
                    + "\(data.completionsCut) completions (data.max_sequence_length is "
                    + "\(configuration.data.maxSequenceLength))",
            ])
        }
        if data.textsSplit > 0 { rows.append(["  texts in pieces", Format.count(data.textsSplit)]) }
        rows.append(["  evaluation rows", preflight.evaluationRowCount.map { Format.count($0) } ?? "none"])
        return Format.table(rows)
    }

    private func memory(_ preflight: Preflight, threads: Int) -> String {
        let memory = preflight.memory
        return Format.table([
            ["  base", "\(Format.bytes(memory.base)), once per host"],
            [
                "  each thread",
                "about " + Format.bytes(memory.perThread(threads: threads) + memory.gradient)
                    + (memory.recomputesActivations(threads: threads)
                        ? ", with blocks computed once more on the way back" : ""),
            ],
            ["  trained and moments", Format.bytes(memory.state)],
            ["  activations cached", memory.cache == 0 ? "none" : "at most " + Format.bytes(memory.cache)],
            ["  gradients held", "at most " + Format.bytes(memory.heldGradients * memory.gradient)],
            [
                "  a worker of \(threads) threads",
                "about \(Format.bytes(memory.worker(threads: threads))) and the base",
            ],
            ["  the coordinator", "at most \(Format.bytes(memory.coordinator(isStar: false))) and the base"],
            ["  this host has", Format.bytes(HostMemory.byteCount())],
        ])
    }

    private func wire(_ preflight: Preflight) -> String {
        let full = Preflight.wireByteCount(parameterCount: preflight.baseParameterCount, workers: 2)
        let rows = [1, 2, 4].map { workers in
            let bytes = preflight.wireByteCount(workers: workers)
            return [
                "  \(workers) worker\(workers == 1 ? "" : "s")",
                bytes == 0 ? "nothing" : "\(Format.bytes(bytes)) each way, a worker and step",
            ]
        }
        let whole =
            preflight.parameterCount < preflight.baseParameterCount
            ? [["  all parameters", "would be \(Format.bytes(full)) each way with 2 workers"]] : []
        return Format.table(rows + whole)
    }
}
