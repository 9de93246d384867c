import ArgumentParser

/// Measurements of Shoal's parts; those of whole runs are scripts beside this folder.
@main
struct ShoalBenchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-benchmarks",
        abstract: "Measure Shoal's parts on this machine.",
        discussion: """
            Built only with SHOAL_BENCHMARKS=1, which Benchmarks/run sets. Numbers are worth something on an \
            otherwise idle machine.

            Example:
              Benchmarks/run kernels --tokens 256
            """,
        subcommands: [
            KernelsCommand.self, SGEMMBoundCommand.self, TokenizerCommand.self, AllReduceCommand.self,
            CoordinatorCommand.self,
        ])
}
