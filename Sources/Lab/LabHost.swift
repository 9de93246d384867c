/// A host of a lab: a network namespace with one address.
public struct LabHost: Sendable, Equatable {
    /// 0 for the coordinator's host, 1 … for the workers'.
    public let index: Int
    /// Its network namespace, as `ip netns` lists it.
    public let namespace: String
    /// Its address, in digits.
    public let address: String

    init(lab: String, index: Int) {
        self.index = index
        namespace = "\(lab)-\(index)"
        address = "10.78.\(index / 250).\(index % 250 + 1)"
    }

    /// The words that run `command` on this host.
    ///
    /// - Throws: ``LabError`` with code `.unavailable` where `ip` is not installed.
    public func command(_ command: [String]) throws(LabError) -> [String] {
        guard let ip = NetworkTool.path(of: "ip") else {
            throw LabError(.unavailable, "ip is not installed; on Debian: apt-get install iproute2")
        }
        return [ip, "netns", "exec", namespace] + command
    }
}
