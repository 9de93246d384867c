import ArgumentParser
import Cluster
import ZeroMQ

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make the CURVE keys of a cluster, and tokens that hand them out.",
        discussion: """
            Without keys a coordinator makes fresh ones for its run and prints the worker command with a token; \
            keys of your own stay the same from run to run.

            Example:
              shoal keys new ~/.shoal-keys
              shoal keys invite --keys ~/.shoal-keys --address tcp://127.0.0.1:7700
            """,
        subcommands: [New.self, Invite.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make fresh keys in a folder.",
            discussion: "Secret keys have mode 0600.\n\nExample:\n  shoal keys new ~/.shoal-keys")

        @Argument(help: "The folder; created. Keys that are there are never replaced.")
        var directory: String

        func run() throws {
            let keys = try ClusterKeys.make(in: directory)
            StandardOutput.write(
                """
                \(directory)/coordinator.key  for the coordinator's host alone
                \(directory)/coordinator.pub  for every host
                \(directory)/worker.key       for the workers' hosts
                coordinator's public key: \(keys.coordinator.publicKey)

                """)
        }
    }

    struct Invite: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print one token that holds address, coordinator's key and a worker's key.",
            discussion: """
                Whoever has the token can take part in a run of these keys.

                Example:
                  shoal keys invite --keys ~/.shoal-keys --address tcp://127.0.0.1:7700
                """)

        @Option(help: "The keys folder.")
        var keys: String

        @Option(help: "Where workers reach the coordinator.")
        var address: String

        func validate() throws {
            if !address.hasPrefix("tcp://") {
                throw ValidationError("--address is '\(address)', expected tcp://HOST:PORT")
            }
        }

        func run() throws {
            StandardOutput.write(try ClusterKeys(directory: keys).invitation(address: address).token + "\n")
        }
    }
}
