import ArgumentParser
import Configurations
import Foundation
import Glibc
import Lab
import Logging
import Training

extension LabCommand {
    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a lab of N hosts for workers and one for the coordinator.",
            discussion: """
                With CONFIG it trains on them, over TCP with CURVE, and takes the lab away at the end, however that \
                comes; without it the hosts stay until `shoal lab down`.

                Example:
                  sudo shoal lab up 2 Examples/reviews/config.yaml --rate 1gbit --output runs/lab
                """)

        @Argument(help: "Hosts for workers, one worker each.")
        var hosts: Int

        @Argument(help: "A configuration to train on the hosts.")
        var config: String?

        @Option(help: "Rate of every host's link, each way: 100mbit, 1gbit, unlimited.")
        var rate = "unlimited"

        @OptionGroup var name: Name

        @Option(help: "Compute threads of each worker (default: the processors here, shared out).")
        var threads: Int?

        @Option(help: "Where the run is written (default: runs/ and the configuration's name).")
        var output: String?

        @Flag(help: "Begin anew in a folder that holds a run.")
        var overwrite = false

        @OptionGroup(title: "Configuration") var overrides: OverrideOptions
        @OptionGroup(title: "Output") var logging: LoggingOptions

        func validate() throws {
            if let threads, threads < 1 {
                throw ValidationError("--threads is \(threads), expected 1 or more")
            }
            if config == nil && (output != nil || overwrite || !overrides.assignments.isEmpty) {
                throw ValidationError("--output, --overwrite and --set go with a CONFIG")
            }
        }

        func run() async throws {
            let log = logging.bootstrap()
            let rate = try LinkRate(rate)
            guard let config else {
                let network = try LabNetwork.up(name: name.name, workerHostCount: hosts, rate: rate)
                let rows = network.hosts.map { ["\($0.index)", $0.address, $0.namespace] }
                StandardOutput.write(Format.table([["host", "address", "namespace"]] + rows))
                return
            }
            let base = try ConfigurationLoader(overrides: overrides.assignments).load(path: config).base
            let network = try LabNetwork.up(name: name.name, workerHostCount: hosts, rate: rate)
            defer { do { try network.down() } catch { log.warning("\(error)") } }
            let cluster = LabCluster(
                network: network, workerCount: hosts,
                threadCount: LocalCluster.threadCount(workers: hosts, given: threads), base: base,
                words: nil, log: log)
            var arguments = [config]
            if let output { arguments += ["--output", output] }
            if overwrite { arguments.append("--overwrite") }
            arguments += overrides.assignments.flatMap { ["--set", $0] }
            if logging.quiet { arguments.append("--quiet") }
            if logging.verbose { arguments.append("--verbose") }
            let interruption = Interruption()
            let signals = Signals.handle([SIGTERM, SIGINT]) { _ in interruption.interrupt() }
            defer { signals.cancel() }
            let status = try await cluster.run(arguments) { interruption.watch($0) }
            if status != 0 { throw CommandEnding(status: status, message: nil) }
        }
    }
}
