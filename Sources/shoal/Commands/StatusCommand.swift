import ArgumentParser
import Cluster
import Foundation
import Glibc
import WireProtocol

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract:
            "Show how a live run is doing: its step, its workers, who fetches the base, who is slow or lost.",
        discussion: """
            Asks the coordinator over its control socket, with the token it printed or its --keys folder. On a \
            terminal the table is drawn anew every second until Ctrl-C or the end of the run.

            Example:
              shoal status --token shoal1-…
              shoal status --connect tcp://10.0.0.1:7700 --keys keys --json
            """)

    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Print once and end, also on a terminal.")
    var once = false

    @Flag(help: "Print once, as one line of JSON.")
    var json = false

    @Option(help: "Seconds to wait for an answer.")
    var timeout = 5.0

    func validate() throws {
        if !(timeout > 0 && timeout < 1e6) {
            throw ValidationError("--timeout is \(timeout), expected seconds above 0")
        }
    }

    func run() async throws {
        let (address, security) = try connection.resolve()
        let repeats = !once && !json && isatty(STDOUT_FILENO) == 1
        try await Blocking.run { [json, timeout] in
            let client = try StatusClient(address: address, security: security)
            defer { client.close() }
            while true {
                let report = try client.report(within: .seconds(timeout))
                if json {
                    StandardOutput.write(try StatusText.json(report))
                    return
                }
                let text = StatusText.table(report)
                // From the top of the screen, so that lines may wrap where the terminal is narrow.
                let shown = repeats ? "\u{1B}[H\u{1B}[J" + text : text
                guard StandardOutput.write(shown), repeats, report.phase != "over" else { return }
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }
}
