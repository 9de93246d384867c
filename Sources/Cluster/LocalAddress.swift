import Foundation

/// The address under which this host is reached from where the coordinator is.
enum LocalAddress {
    /// The local address of the way to `host`, in digits. Nothing is sent: connecting a datagram socket only asks
    /// the routing table.
    ///
    /// - Throws: ``ClusterError`` with code `.address` when there is no such host or no way to it.
    static func towards(host: String, port: String) throws(ClusterError) -> String {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_INET
        unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, port, &hints, &found) == 0, let address = unsafe found else {
            throw ClusterError(.address, "the coordinator's host '\(host)' is not known; check --connect")
        }
        defer { unsafe freeaddrinfo(found) }
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else {
            throw ClusterError(.address, "no socket to find this host's address with; give --advertise HOST")
        }
        defer { close(descriptor) }
        var local = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isFound =
            unsafe connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0
            && withUnsafeMutablePointer(to: &local) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    unsafe getsockname(descriptor, generic, &length) == 0
                        && getnameinfo(
                            generic, length, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0
                }
            }
        guard isFound else {
            throw ClusterError(
                .address, "there is no way to the coordinator's host '\(host)'; check --connect")
        }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
