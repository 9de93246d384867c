import ArgumentParser
import Cluster
import Foundation

/// Where a worker connects and how it proves who it is, from its flags and `$SHOAL_TOKEN`.
enum WorkerAddress {
    static func resolve(
        connect: String?, token: String?, keys: String?, insecure: Bool
    ) throws -> (address: String, security: WorkerSecurity) {
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
            return try security(of: Invitation(directory: keys, address: connect), connect: connect)
        }
        guard let text = token ?? ProcessInfo.processInfo.environment[Invitation.environmentVariable] else {
            throw ValidationError(
                "this needs the coordinator's --token (or $SHOAL_TOKEN), a --keys folder, or --insecure")
        }
        return try security(of: Invitation(token: text), connect: connect)
    }

    private static func security(
        of invitation: Invitation, connect: String?
    ) -> (address: String, security: WorkerSecurity) {
        (
            connect ?? invitation.address,
            .curve(keys: invitation.workerKeys, coordinatorKey: invitation.coordinatorKey)
        )
    }
}
