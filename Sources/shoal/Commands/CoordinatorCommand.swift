import ArgumentParser
import Bases
import Cluster
import Configurations
import Coordination
import Dashboard
import Foundation
import Glibc
import Logging
import Training
import ZeroMQ

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Run the coordinator alone; workers are started elsewhere.",
        discussion: """
            Prints the exact worker command to type on the other machines; one without --base fetches the base from \
            here and from the workers that have it. Training begins when --min-workers are there; more may come at \
            any time.

            Example:
              shoal coordinator Examples/reviews/config.yaml --listen tcp://127.0.0.1:7700 --keys ~/.shoal-keys --output runs/tcp --http 127.0.0.1:8080
            """)

    @OptionGroup(title: "Run") var run: RunOptions

    @Option(help: "Address to listen on, tcp://HOST:PORT; may be repeated, also with ipc://PATH.")
    var listen: [String]

    @Option(help: "Workers that must be there before the first step.")
    var minWorkers = 1

    @Option(help: "A folder of `shoal keys new` (default: fresh keys for this run).")
    var keys: String?

    @Flag(help: "Talk TCP without encryption or authentication.")
    var insecure = false

    @Option(help: "Host under which workers reach this one (default: the one in --listen).")
    var advertise: String?

    @Option(help: "Port of the data socket under `collective: star`; 0 takes a free one.")
    var dataPort = 0

    @Option(help: .hidden)
    var exitWithParent: Int32?

    @OptionGroup var dashboard: DashboardOptions
    @OptionGroup(title: "Configuration") var overrides: OverrideOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if !(1...65536).contains(minWorkers) {
            throw ValidationError("--min-workers is \(minWorkers), expected 1 or more")
        }
        if listen.isEmpty { throw ValidationError("give --listen tcp://HOST:PORT") }
        for address in listen where !address.hasPrefix("tcp://") && !address.hasPrefix("ipc://") {
            throw ValidationError("--listen is '\(address)', expected tcp://HOST:PORT")
        }
        if insecure && keys != nil {
            throw ValidationError("--insecure and --keys contradict each other; give one")
        }
        if !(0...65535).contains(dataPort) {
            throw ValidationError("--data-port is \(dataPort), expected 0 to 65535")
        }
    }

    func run() async throws {
        let log = logging.bootstrap()
        ParentWatch.start(exitWithParent)
        let training = try await run.open(overrides, logger: log)
        // The page asks over a socket of its own, as `shoal status` does.
        let sockets = try SocketFolder()
        defer { sockets.remove() }
        let inside = dashboard.http.map { _ in "ipc://\(sockets.path)/control" }
        let page: DashboardServer?
        do {
            page = try await dashboard.start(training, endpoint: inside ?? "", log: log)
        } catch {
            training.abandon()
            throw error
        }
        defer { page?.stop() }
        var settings = CoordinatorService.Settings(listen: listen + [inside].compactMap { $0 })
        settings.isStar = training.setup.configuration.cluster.collective == .star
        settings.advertisedHost = advertise
        settings.dataPort = dataPort
        settings.baseFiles = training.setup.base.base.sourceFiles
        settings.statusOfError = { UInt32(ExitStatus.status(of: $0) ?? ExitStatus.internalError) }
        settings.log = { log.debug("\($0)") }
        let clusterKeys = insecure ? nil : try keys.map { try ClusterKeys(directory: $0) } ?? .ephemeral()
        if let clusterKeys {
            settings.security = .curve(
                keys: clusterKeys.coordinator, workerKeys: [clusterKeys.worker.publicKey])
        } else {
            settings.security = .insecure
            log.warning(
                "--insecure: TCP is neither encrypted nor authenticated; anybody who reaches it can take part"
            )
        }
        let options = CoordinatorOptions(
            training, minimumWorkers: minWorkers, allowsDifferentBase: run.allowDifferentBase)
        let service = CoordinatorService(settings: settings, options: options, driver: training)
        let signals = Signals.handle([SIGTERM, SIGINT]) { service.interrupt(reason: $0) }
        defer { signals.cancel() }
        let base = training.setup.configuration.base
        let ending: RunEnding
        do {
            ending = try await Blocking.run { [advertise, inside] in
                try service.run { endpoints in
                    for endpoint in endpoints where endpoint != inside {
                        StandardError.write(
                            Self.invitation(endpoint, host: advertise, keys: clusterKeys, base: base) + "\n")
                    }
                }
            }
        } catch {
            training.abandon()
            throw error
        }
        try RunConclusion.conclude(ending, run: training, command: "coordinator --listen \(listen[0])")
    }

    /// The worker's command for an endpoint, with what it needs to be let in.
    private static func invitation(_ endpoint: String, host: String?, keys: ClusterKeys?, base: String)
        -> String
    {
        guard endpoint.hasPrefix("tcp://") else {
            return "workers on this machine: shoal worker --connect \(endpoint) --base \(base)"
        }
        let port = endpoint.split(separator: ":").last ?? ""
        let own =
            endpoint.contains("0.0.0.0") || endpoint.contains("*") ? ProcessInfo.processInfo.hostName : nil
        let address = (host ?? own).map { "tcp://\($0):\(port)" } ?? endpoint
        guard let keys else { return "workers: shoal worker --connect \(address) --insecure --base \(base)" }
        return
            "workers: shoal worker --connect \(address) --token \(keys.invitation(address: address).token) "
            + "--base \(base)\n(where that base is not, leave --base away: it is fetched)"
    }
}
