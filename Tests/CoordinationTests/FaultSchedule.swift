/// What befalls a cluster, drawn from its seed: one seed is one schedule.
struct FaultSchedule {
    /// A kind of fault and how often it is drawn.
    enum Kind: CaseIterable {
        case killWorker, startWorker, stopWorker, stopWorkerLong, slowWorker, breakConnection, cutWorker,
            cutPair, drainWorker, killAllWorkers
        case losesChunks, killCoordinator, powerLoss, stopCoordinator, supersedeCoordinator, interrupt,
            fullDisk

        var weight: Int {
            switch self {
            case .killWorker, .startWorker: 6
            case .stopWorker, .breakConnection, .cutWorker, .killCoordinator: 4
            case .cutPair, .slowWorker, .losesChunks, .stopCoordinator, .drainWorker, .fullDisk: 2
            case .stopWorkerLong, .killAllWorkers, .powerLoss, .supersedeCoordinator, .interrupt: 1
            }
        }
    }

    private static let draws = Kind.allCases.flatMap { Array(repeating: $0, count: $0.weight) }

    let cluster: SimulatedCluster
    private var world: SimulatedWorld { cluster.world }

    /// Strikes `count` times at random between 0 and `horizon` seconds; behind it enough workers are left.
    func begin(count: Int, horizon: Double) {
        for _ in 0..<count {
            let kind = world.pick(Self.draws) ?? .killWorker
            world.after(world.random(0...horizon)) {
                cluster.trace?("-- \(kind)")
                strike(kind)
            }
        }
        world.after(horizon) {
            cluster.network.dataLoss = 0
            for _ in 0..<cluster.minimumWorkers { cluster.startWorker() }
        }
    }

    private func strike(_ kind: Kind) {
        let worker = world.pick(cluster.livingWorkers)
        switch kind {
        case .killWorker: worker?.die()
        case .startWorker: cluster.startWorker()
        case .stopWorker: worker?.pause(seconds: world.random(0.5...12))
        case .stopWorkerLong: worker?.pause(seconds: world.random(12...70))
        case .slowWorker: if let worker { worker.secondsPerLeaf = min(worker.secondsPerLeaf * 4, 2) }
        case .breakConnection: worker?.breakConnection()
        case .cutWorker: if let worker { cluster.cut(worker.process, 0, seconds: world.random(0.5...30)) }
        case .cutPair:
            guard let worker, let other = world.pick(cluster.livingWorkers), other !== worker else { return }
            cluster.cut(worker.process, other.process, seconds: world.random(0.5...30))
        case .drainWorker: worker?.terminate()
        case .killAllWorkers: for worker in cluster.livingWorkers { worker.die() }
        case .losesChunks:
            cluster.network.dataLoss = 0.5
            world.after(world.random(0.1...1)) { cluster.network.dataLoss = 0 }
        case .killCoordinator, .powerLoss:
            guard let coordinator = cluster.coordinator, coordinator.ending == nil else { return }
            cluster.killCoordinator(losesPower: kind == .powerLoss)
            restartLater()
        case .stopCoordinator: cluster.coordinator?.pause(seconds: world.random(0.5...40))
        case .supersedeCoordinator:
            guard let coordinator = cluster.coordinator, coordinator.ending == nil else { return }
            cluster.supersedeCoordinator(wakingAfter: world.random(0.5...25))
        case .interrupt:
            guard let coordinator = cluster.coordinator, coordinator.ending == nil else { return }
            coordinator.interrupt()
            resumeWhenOver(coordinator)
        case .fullDisk:
            guard let coordinator = cluster.coordinator, coordinator.ending == nil else { return }
            cluster.fillDisk()
            resumeWhenOver(coordinator)
        }
    }

    private func restartLater() {
        world.after(world.random(0.1...8)) { if cluster.coordinator == nil { cluster.startCoordinator() } }
    }

    /// Somebody resumes the run once the life that was interrupted, or had no room on its disk, has ended.
    private func resumeWhenOver(_ coordinator: SimulatedCoordinator) {
        guard cluster.coordinator === coordinator else { return }
        guard coordinator.isToBeResumed else {
            if coordinator.ending == nil { world.after(1) { resumeWhenOver(coordinator) } }
            return
        }
        world.after(2) {
            guard cluster.coordinator === coordinator else { return }
            cluster.killCoordinator()
            cluster.startCoordinator()
            for _ in 0..<cluster.minimumWorkers { cluster.startWorker() }
        }
    }
}
