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
            neither data nor configuration, and without --base it fetches the base from the coordinator and the workers \
            that have it, once, into the cache; with it, it gives it to those that have none.

            Example:
              shoal worker --connect tcp://127.0.0.1:7700 --keys ~/.shoal-keys --base data/SmolLM2-135M-Instruct.Q4_1.gguf
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(
        help:
            "The base: a Hugging Face folder, a .gguf file, or a Hub id; it must be the coordinator's (default: fetched)."
    )
    var base: String?

    @Option(help: "Micro-batches computed at once (default: the processors this process may use).")
    var threads: Int?

    @Option(help: "Address that the socket for other workers binds.")
    var bind: String?

    @Option(help: "Host under which other workers reach this one.")
    var advertise: String?

    @Option(help: "Port of the socket for other workers; 0 takes a free one.")
    var dataPort = 0

    @Option(help: "Port at which other workers get the base from this one; 0 takes a free one.")
    var basePort = 0

    @Option(
        help: "Seconds without a coordinator after which the worker ends (default: as the coordinator says).")
    var orphanTimeout: Double?

    @Option(help: .hidden)
    var exitWithParent: Int32?

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
        for (name, port) in [("--data-port", dataPort), ("--base-port", basePort)]
        where !(0...65535).contains(port) {
            throw ValidationError("\(name) is \(port), expected 0 to 65535")
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
        let (loaded, exchange) = try await openBase(address: address, security: security, log: log)
        defer { exchange?.close() }
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

    /// The base of `--base`, or a fetched one, and who gives it to others from now on; nobody where they are on this machine alone.
    private func openBase(
        address: String, security: WorkerSecurity, log: Logger
    ) async throws -> (LoadedBase, BaseExchange?) {
        var given: LoadedBase?
        if let base { given = try await LoadedBase(reference: base, logger: log) }
        var settings = BaseExchange.Settings(coordinator: address)
        settings.security = security
        settings.bindAddress = bind
        settings.advertisedHost = advertise
        settings.port = basePort
        settings.host = ProcessInfo.processInfo.hostName
        settings.processID = UInt32(getpid())
        if let orphanTimeout { settings.orphanTimeout = .seconds(orphanTimeout) }
        settings.log = { log.info("\($0)") }
        if let given {
            guard address.hasPrefix("tcp://") else { return (given, nil) }
            settings.givenFiles = given.base.sourceFiles
            let exchange = try BaseExchange(settings)
            exchange.give()
            return (given, exchange)
        }
        var isMended = false
        while true {
            let exchange = try BaseExchange(settings)
            do {
                let fetched = try await Blocking.run { try exchange.fetch() }
                let loaded = try? await LoadedBase(reference: fetched.path, logger: log)
                if let loaded, loaded.base.digest.hex == fetched.baseDigest { return (loaded, exchange) }
                guard !isMended else {
                    // Once more, for the reason.
                    let loaded = try await LoadedBase(reference: fetched.path, logger: log)
                    throw CommandEnding(
                        status: ExitStatus.badData,
                        message:
                            "error: the base in \(fetched.path) has digest \(loaded.base.digest.hex), the "
                            + "coordinator's has \(fetched.baseDigest); are the versions of Shoal the same?")
                }
                log.warning(
                    "the base in the cache is damaged; fetching what differs",
                    metadata: ["path": "\(fetched.path)"])
                isMended = true
                try exchange.disown()
                exchange.close()
            } catch {
                exchange.close()
                throw error
            }
        }
    }
}
