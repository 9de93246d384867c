import ArgumentParser
import Comparison
import Configurations
import Foundation
import Glibc
import Lab
import Logging
import Training

struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract:
            "Train by several methods, ranks or placements on the same data and workers, and report on them.",
        discussion: """
            Each is trained for the same steps from the same base at each of its learning rates; the best on held-out \
            rows counts. With --link (needs root) the steps of the best are also measured on hosts with links of that \
            rate, in network namespaces, beside links without a limit. Writes OUTPUT/report.html, which opens without a \
            network, and OUTPUT/report.json; interrupted, it goes on with --resume OUTPUT.

            Example:
              shoal compare Examples/reviews/config.yaml --methods lora,full --workers 2 --max-steps 8 --output runs/compare
              shoal compare Examples/reviews/config.yaml --methods lora --vary adapter.r=4,8,16
              sudo shoal compare Examples/reviews/config.yaml --workers 2,4 --link 1gbit
            """)

    @Argument(help: "The configuration (YAML), with held-out rows. Not needed with --resume.")
    var config: String?

    @Option(help: ArgumentHelp("Go on with this comparison.", valueName: "OUTPUT"))
    var resume: String?

    @Option(help: "What to compare, of lora, partial and full.")
    var methods = "lora,partial,full"

    @Option(help: ArgumentHelp("Compare these values of a key; may be repeated.", valueName: "key=a,b,c"))
    var vary: [String] = []

    @Option(
        help: ArgumentHelp(
            "Learning rates tried, for all methods or one (default: a third of the method's own, itself, three times it, and further while the best is at the edge, six at most).",
            valueName: "[method=]a,b,c"))
    var learningRates: [String] = []

    @Option(help: "Worker processes; with --link several numbers, of which the first also trains.")
    var workers = "1"

    @Option(help: "Compute threads of each worker (default: the processors here, shared out).")
    var threads: Int?

    @Option(help: "Rates of links to measure steps on: 100mbit, 1gbit; several with commas. Needs root.")
    var link: String?

    @Option(help: "Steps measured on each link.")
    var measuredSteps = 12

    @Option(help: "Rows of general text that the base knew before: what is kept of it is measured.")
    var general: String?

    @Option(help: "Where everything is written (default: runs/compare- and the configuration's name).")
    var output: String?

    @Flag(help: "Begin anew in a folder that holds a comparison.")
    var overwrite = false

    @OptionGroup(title: "Configuration") var overrides: OverrideOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if resume == nil && config == nil { throw ValidationError("give a CONFIG, or --resume OUTPUT") }
        if resume != nil && (config != nil || output != nil || overwrite) {
            throw ValidationError(
                "--resume goes on with what was begun; drop CONFIG, --output and --overwrite")
        }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
        if measuredSteps < 3 {
            throw ValidationError("--measured-steps is \(measuredSteps), expected 3 or more")
        }
        if overrides.learningRate != nil {
            throw ValidationError("--learning-rate is one rate; a comparison tries --learning-rates")
        }
        _ = try workerCounts
    }

    func run() async throws {
        let log = logging.bootstrap()
        let (folder, settings) = try open()
        if !settings.links.isEmpty { try LabNetwork.requireSupport() }
        let interruption = Interruption()
        let signals = Signals.handle([SIGTERM, SIGINT]) { _ in interruption.interrupt() }
        defer { signals.cancel() }
        let configuration = try ConfigurationLoader().load(path: folder.configurationPath)
        let runner = ComparisonRunner(
            folder: folder, settings: settings, configuration: configuration, interruption: interruption,
            log: log)
        let report: ComparisonReport
        do {
            report = try await runner.run()
        } catch is ComparisonRunner.Interrupted {
            throw CommandEnding(
                status: ExitStatus.interrupted,
                message: "interrupted; go on with: shoal compare --resume \(folder.path)")
        }
        StandardOutput.write("\(report.text)\nreport: \(folder.reportPath)\n")
        guard report.variants.contains(where: { $0.failure == nil }) else {
            throw CommandEnding(
                status: ExitStatus.unavailable,
                message: "error: nothing could be measured; the reasons are above")
        }
    }

    private func open() throws -> (ComparisonFolder, ComparisonSettings) {
        if let resume { return try ComparisonFolder.resume(at: resume) }
        let config = config ?? ""
        let configuration = try ConfigurationLoader(overrides: overrides.assignments).load(path: config)
        guard !configuration.data.valid.isEmpty || configuration.data.validFraction != nil else {
            throw ComparisonError(
                .badData,
                "\(config): has no held-out rows to compare on; write data.valid, or data.valid_fraction: 0.1"
            )
        }
        if let general, !FileManager.default.isReadableFile(atPath: general) {
            throw ComparisonError(.badData, "--general \(general): cannot be read")
        }
        var compared: [TrainingMethod] = []
        for name in methods.split(separator: ",") {
            guard let method = TrainingMethod(rawValue: String(name)) else {
                throw ComparisonError(
                    .usage, "--methods: '\(name)' is none; expected some of lora,partial,full")
            }
            compared.append(method)
        }
        let counts = try workerCounts
        var links: [LinkRate] = []
        if let link {
            links = try [LinkRate.unlimited] + link.split(separator: ",").map { try LinkRate(String($0)) }
            links = links.enumerated().filter { !links[..<$0.offset].contains($0.element) }.map(\.element)
        }
        let settings = ComparisonSettings(
            variants: try Variant.all(methods: compared, vary: vary),
            learningRates: try LearningRates(learningRates, methods: compared, configuration: configuration),
            workerCounts: counts,
            threadCount: LocalCluster.threadCount(workers: counts[0], given: threads), links: links,
            measuredSteps: measuredSteps, generalText: general.map { URL(filePath: $0).path })
        // A variant that the configuration refuses is better known now than after hours.
        for variant in settings.variants {
            _ = try ConfigurationLoader(overrides: overrides.assignments + variant.overrides).load(
                path: config)
        }
        if !links.isEmpty { try LabNetwork.requireSupport() }
        let name = URL(filePath: config).deletingPathExtension().lastPathComponent
        let path = URL(filePath: output ?? "runs/compare-\(name)").path
        return (
            try ComparisonFolder.create(
                at: path, configuration: configuration, settings: settings, overwrites: overwrite), settings
        )
    }

    private var workerCounts: [Int] {
        get throws {
            let counts = workers.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            guard counts.allSatisfy({ (1...1024).contains($0) }), Set(counts).count == counts.count else {
                throw ValidationError("--workers is '\(workers)', expected a number, or several as 2,4")
            }
            if counts.count > 1 && link == nil && resume == nil {
                throw ValidationError("--workers \(workers): several numbers are measured with --link")
            }
            return counts
        }
    }
}
