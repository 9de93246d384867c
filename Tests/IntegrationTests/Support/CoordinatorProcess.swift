import Foundation

/// What a test needs to know of a `shoal coordinator` it started.
enum CoordinatorProcess {
    /// The arguments of the worker command that the coordinator printed, without the name of the program.
    ///
    /// - Parameter base: where the worker has its base; nil takes the command as it was printed.
    static func workerCommand(in coordinator: RunningProcess, base: String? = nil) -> [String]? {
        let lines = (coordinator.output + "\n" + coordinator.errors).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("shoal worker --connect") }),
            let start = line.range(of: "worker --connect")
        else { return nil }
        var arguments = line[start.lowerBound...].split(separator: " ").map(String.init)
        if let base, let option = arguments.firstIndex(of: "--base") { arguments[option + 1] = base }
        return arguments
    }
}
