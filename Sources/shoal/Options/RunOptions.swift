import ArgumentParser
import Configurations
import Foundation
import Logging
import Training

/// Which run: a configuration to begin with, or a RUN folder to go on with.
struct RunOptions: ParsableArguments {
    @Argument(help: "The configuration (YAML); `shoal init` writes one. Not needed with --resume.")
    var config: String?

    @Option(help: ArgumentHelp("Go on with this run, on any number of workers.", valueName: "RUN"))
    var resume: String?

    @Option(help: "Where the run is written (default: runs/ and the configuration's name).")
    var output: String?

    @Flag(help: "Begin anew in a folder that holds a run.")
    var overwrite = false

    @Flag(help: "Accept an adapter.init_from that records another base of equal architecture and shapes.")
    var allowDifferentBase = false

    func validate() throws {
        if resume != nil && (output != nil || overwrite) {
            throw ValidationError("--resume goes on in its own folder; drop --output and --overwrite")
        }
        if resume == nil && config == nil { throw ValidationError("give a CONFIG, or --resume RUN") }
    }

    /// Begins or resumes the run.
    func open(_ overrides: OverrideOptions, logger: Logger) async throws -> TrainingRun {
        let loader = ConfigurationLoader(overrides: overrides.assignments)
        if let resume {
            return try await TrainingRun.resume(
                at: resume, given: try config.map { try ConfigurationLoader().load(path: $0) },
                overrides: loader, allowsDifferentBase: allowDifferentBase, logger: logger)
        }
        let config = config ?? ""
        let name = URL(filePath: config).deletingPathExtension().lastPathComponent
        return try await TrainingRun.begin(
            try loader.load(path: config), at: output ?? "runs/\(name)", overwrites: overwrite,
            allowsDifferentBase: allowDifferentBase, logger: logger)
    }
}
