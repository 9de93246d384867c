import ArgumentParser
import Configurations
import Foundation
import Glibc
import Lab
import Logging
import Training

struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "A cluster on this machine: hosts as network namespaces, on links of limited rate.",
        discussion: """
            For tests, demonstrations and reports; needs root and Debian's iproute2. Only the network is separate: \
            all hosts share the processors, memory and disk here. Without CONFIG the hosts stay until `down`, for \
            commands of your own.

            Example:
              sudo shoal lab up 2 Examples/reviews/config.yaml --rate 1gbit --output runs/lab
              sudo shoal lab up 4 --rate 100mbit
              sudo shoal lab exec 1 -- ip address
              sudo shoal lab down
            """,
        subcommands: [Up.self, Exec.self, List.self, Down.self])

    /// Which lab.
    struct Name: ParsableArguments {
        @Option(help: "The lab's name, where there are several.")
        var name = "lab"

        /// The lab that stands.
        func find() throws -> LabNetwork {
            try LabNetwork.requireSupport()
            guard let network = try LabNetwork.find(name) else {
                throw LabError(
                    .presence, "there is no lab named \(name); make it with: shoal lab up N --name \(name)")
            }
            return network
        }
    }

    struct Exec: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a command on a host.",
            discussion: """
                Host 0 is the coordinator's, 1 and up are the workers'.

                Example:
                  sudo shoal lab up 2 --rate 1gbit
                  sudo shoal lab exec 1 -- ip address show eth0
                """)

        @OptionGroup var name: Name

        @Argument(help: "The host's number.")
        var host: Int

        @Argument(parsing: .postTerminator, help: "The command, after --.")
        var command: [String]

        func run() throws {
            let network = try name.find()
            guard network.hosts.indices.contains(host) else {
                throw LabError(.presence, "there is no host \(host); the last is \(network.hosts.count - 1)")
            }
            guard !command.isEmpty else { throw ValidationError("give a command after --") }
            let words = try network.hosts[host].command(command)
            let process = Process()
            process.executableURL = URL(filePath: words[0])
            process.arguments = Array(words.dropFirst())
            try process.run()
            process.waitUntilExit()
            if process.terminationStatus != 0 {
                throw CommandEnding(status: process.terminationStatus, message: nil)
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the hosts: number, address, namespace.",
            discussion: "Example:\n  sudo shoal lab up 2\n  sudo shoal lab list")

        @OptionGroup var name: Name

        func run() throws {
            let rows = try name.find().hosts.map { ["\($0.index)", $0.address, $0.namespace] }
            StandardOutput.write(Format.table([["host", "address", "namespace"]] + rows))
        }
    }

    struct Down: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take the lab away, with all that runs on its hosts.",
            discussion: "Example:\n  sudo shoal lab up 2\n  sudo shoal lab down")

        @OptionGroup var name: Name

        func run() throws { try name.find().down() }
    }
}
