import ArgumentParser
import Cluster
import Foundation

/// Where the coordinator is, and how one that is no coordinator proves who it is.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "The coordinator's address, tcp://HOST:PORT or ipc://PATH (default: the one in the token).")
    var connect: String?

    @Option(help: "What the coordinator printed; also read from $SHOAL_TOKEN, which other users cannot see.")
    var token: String?

    @Option(help: "A folder with worker.key and coordinator.pub, instead of a token.")
    var keys: String?

    @Flag(help: "Talk TCP without encryption or authentication.")
    var insecure = false

    func validate() throws {
        if insecure && (token != nil || keys != nil) {
            throw ValidationError("--insecure and --token or --keys contradict each other; give one")
        }
        if token != nil && keys != nil { throw ValidationError("--token and --keys say the same; give one") }
    }

    /// The address and the keys, from the flags and `$SHOAL_TOKEN`.
    func resolve() throws -> (address: String, security: WorkerSecurity) {
        if let connect, connect.hasPrefix("ipc://") { return (connect, .localOnly) }
        if let connect, !connect.hasPrefix("tcp://") {
            throw ValidationError("--connect is '\(connect)', expected tcp://HOST:PORT")
        }
        if insecure {
            guard let connect else { throw ValidationError("--insecure needs --connect tcp://HOST:PORT") }
            return (connect, .insecure)
        }
        if let keys {
            guard let connect else { throw ValidationError("--keys needs --connect tcp://HOST:PORT") }
            return try security(of: Invitation(directory: keys, address: connect))
        }
        guard let text = token ?? ProcessInfo.processInfo.environment[Invitation.environmentVariable] else {
            throw ValidationError(
                "this needs the coordinator's --token (or $SHOAL_TOKEN), a --keys folder, or --insecure")
        }
        return try security(of: Invitation(token: text))
    }

    private func security(of invitation: Invitation) -> (address: String, security: WorkerSecurity) {
        (
            connect ?? invitation.address,
            .curve(keys: invitation.workerKeys, coordinatorKey: invitation.coordinatorKey)
        )
    }
}
