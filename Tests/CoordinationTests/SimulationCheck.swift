import Coordination
import Foundation
import WireProtocol

/// Runs a simulated cluster to its end and says what is wrong with how it went.
enum SimulationCheck {
    /// - Parameter limit: seconds of simulated time within which the run must end.
    static func run(_ cluster: SimulatedCluster, limit: Double = 900) -> [String] {
        let task = cluster.task
        if cluster.trace == nil, ProcessInfo.processInfo.environment["SHOAL_SIMULATION_TRACE"] != nil {
            cluster.trace = { [unowned cluster] line in
                print(String(format: "%9.4f ", cluster.world.time) + line)
            }
        }
        let isDone = cluster.world.run(limit: limit) {
            cluster.coordinator?.ending != nil && cluster.coordinator?.isToBeResumed == false
        }
        var problems: [String] = []
        if !isDone {
            problems.append(
                "no end within \(limit) s: \(cluster.disk.ledger.count) of \(task.stepCount) steps")
        }
        _ = cluster.world.run(limit: cluster.world.time + 60) { cluster.livingWorkers.isEmpty }
        if isDone, cluster.coordinator?.ending != .completed {
            problems.append("ended: \(cluster.coordinator?.ending.map { "\($0)" } ?? "")")
        }
        for worker in cluster.workers {
            switch worker.ending {
            case .failed(SimulatedCoordinator.diskError, _)? where cluster.hadFullDisk: break
            case .failed(let code, let message)?:
                problems.append("process \(worker.process) failed with \(code): \(message)")
            case .refused(let refusal)?:
                let isExpected =
                    refusal.code == .runFinished || refusal.code == .unreachable
                    || cluster.hasZombie && refusal.code == .differentState
                if !isExpected { problems.append("process \(worker.process): \(refusal.message)") }
            case .finished?, .orphaned?, .left?, nil: break
            }
        }
        for life in cluster.lives where life.disk !== cluster.disk { problems += life.disk.faults }
        return problems + check(cluster.disk, task)
    }

    private static func check(_ disk: SimulatedDisk, _ task: SimulatedTask) -> [String] {
        var problems = disk.faults
        if disk.ledger.map(\.gradientDigest) != task.reference.map(\.gradientDigest) {
            problems.append("the ledger has other gradients than the serial run")
        }
        for (index, line) in disk.ledger.enumerated()
        where !line.stateDigestBefore.isEmpty
            && line.stateDigestBefore
                != SimulatedTask.stateDigest(task.parameters(after: UInt64(index)))
        {
            problems.append("line \(index + 1) of the ledger follows another state")
        }
        for (index, reference) in task.reference.enumerated()
        where disk.losses[UInt64(index + 1)] != reference.lossSum {
            problems.append(
                "step \(index + 1) has the loss \(disk.losses[UInt64(index + 1)] ?? .nan), not "
                    + "\(reference.lossSum)")
        }
        if disk.checkpoint.parameters != task.reference.last?.parameters {
            problems.append("the last checkpoint is not the serial run's state")
        }
        return problems
    }
}
