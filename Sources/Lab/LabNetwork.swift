import Foundation

/// Several hosts on one machine: network namespaces behind a bridge, each on a link of limited rate.
///
/// Nothing of the machine's own network is touched: the bridge has a namespace of its own. Only the network is
/// separate; processors, memory and disk are the machine's, and shared.
public struct LabNetwork: Sendable {
    /// Most hosts of a lab.
    public static let maximumHostCount = 500
    private static let prefix = "shoal-lab-"

    /// The lab's name, part of its namespaces' names.
    public let name: String
    /// The hosts, the coordinator's first.
    public let hosts: [LabHost]

    private var bridge: String { Self.prefix + name }

    /// Whether labs can be made here.
    ///
    /// - Throws: ``LabError`` with code `.notRoot` or `.unavailable` that says what is missing.
    public static func requireSupport() throws(LabError) {
        guard geteuid() == 0 else {
            throw LabError(
                .notRoot, "a lab limits real links in network namespaces, which needs root: run it with sudo")
        }
        for tool in ["ip", "tc"] where NetworkTool.path(of: tool) == nil {
            throw LabError(.unavailable, "\(tool) is not installed; on Debian: apt-get install iproute2")
        }
    }

    /// Makes a lab of a coordinator's host and `workerHostCount` others.
    ///
    /// - Throws: ``LabError`` with code `.invalid`, `.presence` for a name in use, `.refused` with tc's own words; then
    ///   nothing is left behind.
    public static func up(name: String, workerHostCount: Int, rate: LinkRate) throws(LabError) -> LabNetwork {
        try requireSupport()
        guard (1..<maximumHostCount).contains(workerHostCount) else {
            throw LabError(
                .invalid, "\(workerHostCount) hosts, expected 1 to \(maximumHostCount - 1)")
        }
        guard (1...32).contains(name.count),
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
            throw LabError(.invalid, "the lab's name is '\(name)', expected up to 32 letters and digits")
        }
        guard try find(name) == nil else {
            throw LabError(
                .presence, "there is a lab named \(name) already; take it down first, or give another name")
        }
        let network = LabNetwork(name: name, workerHostCount: workerHostCount)
        do {
            try network.build(rate)
        } catch {
            try? network.down()
            throw error
        }
        return network
    }

    /// The lab of that name; nil where there is none.
    public static func find(_ name: String) throws(LabError) -> LabNetwork? {
        let namespaces = Set(
            try NetworkTool.run("ip", ["netns", "list"]).split(separator: "\n").compactMap {
                $0.split(separator: " ").first.map(String.init)
            })
        let count = namespaces.count { $0.hasPrefix("\(prefix)\(name)-") }
        guard namespaces.contains(prefix + name) || count > 0 else { return nil }
        return LabNetwork(name: name, workerHostCount: max(count - 1, 1))
    }

    private init(name: String, workerHostCount: Int) {
        self.name = name
        hosts = (0...workerHostCount).map { LabHost(lab: Self.prefix + name, index: $0) }
    }

    private func build(_ rate: LinkRate) throws(LabError) {
        try NetworkTool.run("ip", ["netns", "add", bridge])
        try ip(bridge, "link", "add", "bridge", "type", "bridge")
        try ip(bridge, "link", "set", "bridge", "up")
        for host in hosts {
            let port = "port\(host.index)"
            try NetworkTool.run("ip", ["netns", "add", host.namespace])
            try ip(
                bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            try ip(bridge, "link", "set", port, "master", "bridge", "up")
            try ip(host.namespace, "address", "add", "\(host.address)/16", "dev", "eth0")
            try ip(host.namespace, "link", "set", "eth0", "up")
            try ip(host.namespace, "link", "set", "lo", "up")
        }
        try setRate(rate)
    }

    /// Gives every link the rate, each way: what a host sends, and what the bridge sends to it.
    ///
    /// - Throws: ``LabError`` with code `.refused` and tc's own words.
    public func setRate(_ rate: LinkRate) throws(LabError) {
        for host in hosts {
            for (namespace, device) in [(host.namespace, "eth0"), (bridge, "port\(host.index)")] {
                guard rate.bitsPerSecond != nil else {
                    // Refused where there was no limit, which is what is wanted.
                    _ = try? NetworkTool.run("tc", ["-n", namespace, "qdisc", "del", "dev", device, "root"])
                    continue
                }
                // The queue holds 50 ms, as a switch's might: a longer one would only delay heartbeats behind bulk.
                try NetworkTool.run(
                    "tc",
                    [
                        "-n", namespace, "qdisc", "replace", "dev", device, "root", "tbf", "rate",
                        rate.description, "burst", "\(rate.burstBytes)", "latency", "50ms",
                    ])
            }
        }
    }

    /// Takes the lab away: ends what still runs on its hosts, then removes them.
    ///
    /// - Throws: ``LabError`` with code `.refused` when a namespace cannot be removed.
    public func down() throws(LabError) {
        let namespaces = hosts.map(\.namespace) + [bridge]
        for namespace in namespaces {
            guard let listed = try? NetworkTool.run("ip", ["netns", "pids", namespace]) else { continue }
            for process in listed.split(separator: "\n").compactMap({ pid_t($0) }) { kill(process, SIGKILL) }
        }
        for namespace in namespaces
        where FileManager.default.fileExists(atPath: "/run/netns/\(namespace)") {
            try NetworkTool.run("ip", ["netns", "del", namespace])
        }
    }

    private func ip(_ namespace: String, _ arguments: String...) throws(LabError) {
        try NetworkTool.run("ip", ["-n", namespace] + arguments)
    }
}
