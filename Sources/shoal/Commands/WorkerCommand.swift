import ArgumentParser
import Bases
import Cluster
import Coordination
import DurableFiles
import Foundation
import Glibc
import Kernels
import Logging
import Training
import WireProtocol

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Compute gradients for a coordinator.",
        discussion: """
            The coordinator prints the exact command, with a token that holds its address and keys. A worker needs \
            the base but neither the data nor the configuration.

            Example:
              shoal worker --connect tcp://127.0.0.1:7700 --keys ~/.shoal-keys --base data/SmolLM2-135M-Instruct.Q4_1.gguf
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The base: a Hugging Face folder, a .gguf file, or a Hub id. It must be the coordinator's.")
    var base: String

    @Option(help: "Micro-batches computed at once (default: the processors this process may use).")
    var threads: Int?

    @Option(help: "Address that the socket for other workers binds.")
    var bind: String?

    @Option(help: "Host under which other workers reach this one.")
    var advertise: String?

    @Option(help: "Port of the socket for other workers; 0 takes a free one.")
    var dataPort = 0

    @Option(
        help: "Seconds without a coordinator after which the worker ends (default: as the coordinator says).")
    var orphanTimeout: Double?

    @Option(help: .hidden)
    var exitWithParent: Int32?

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
        if !(0...65535).contains(dataPort) {
            throw ValidationError("--data-port is \(dataPort), expected 0 to 65535")
        }
        if let orphanTimeout, !(orphanTimeout > 0 && orphanTimeout < 1e9) {
            throw ValidationError("--orphan-timeout is \(orphanTimeout), expected seconds above 0")
        }
    }

    func run() async throws {
        let log = logging.bootstrap(label: exitWithParent == nil ? "shoal" : "worker")
        ParentWatch.start(exitWithParent)
        let (address, security) = try connection.resolve()
        if connection.insecure { log.warning("--insecure: TCP is neither encrypted nor authenticated") }
        let loaded = try await LoadedBase(reference: base, logger: log)
        BLAS.configureSingleThreaded()
        let threadCount = threads ?? ProcessorCount.available()
        var settings = WorkerService.Settings(
            coordinator: address,
            register: Register(
                shoalVersion: ShoalVersion.current, host: ProcessInfo.processInfo.hostName,
                processID: UInt32(getpid()), baseDigest: loaded.base.digest.hex,
                numerics: NumericsFingerprint(
                    blas: BLAS.configuration, core: BLAS.coreName, kernels: BLAS.kernelVariant),
                threadCount: UInt32(threadCount), dataEndpoint: "", publicKey: ""))
        settings.security = security
        settings.bindAddress = bind
        settings.advertisedHost = advertise
        settings.dataPort = dataPort
        settings.orphanTimeout = orphanTimeout.map { .seconds($0) }
        settings.statusOfError = { UInt32(ExitStatus.status(of: $0) ?? ExitStatus.internalError) }
        settings.log = { log.info("\($0)") }
        let service = WorkerService(settings: settings) { welcome in
            try WorkerModel.makeEngine(welcome, base: loaded, threadCount: threadCount)
        }
        let signals = Signals.handle(exitWithParent == nil ? [SIGTERM, SIGINT] : [SIGTERM]) { name in
            service.terminate(reason: name)
        }
        if exitWithParent != nil { signal(SIGINT, SIG_IGN) }
        defer { signals.cancel() }
        let ending = try await Blocking.run { try service.run() }
        switch ending {
        case .finished(let reason), .left(let reason):
            log.info("the worker ends", metadata: ["reason": "\(reason)"])
        case .refused(let refusal):
            throw CommandEnding(
                status: refusal.code == .runFinished || refusal.code == .notAdmitted
                    ? ExitStatus.unavailable : ExitStatus.badData,
                message: "error: the coordinator refuses this worker: \(refusal.message)")
        case .orphaned(let after):
            throw CommandEnding(
                status: ExitStatus.unavailable,
                message: "error: nothing was heard of the coordinator at \(address) for "
                    + "\(after.components.seconds) s; is it running, and is the address right?")
        case .failed(let code, let message):
            throw CommandEnding(status: Int32(clamping: code), message: "error: \(message)")
        }
    }
}
