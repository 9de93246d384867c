import Foundation

/// Connections as a program opens them that is no Shoal: bytes go out as given, nothing is read.
final class HostilePeer {
    private var descriptors: [Int32] = []

    deinit { closeAll() }

    func closeAll() {
        for descriptor in descriptors { close(descriptor) }
        descriptors.removeAll()
    }

    /// Opens `count` connections to a port of this machine and sends `bytes` on each; they stay open.
    ///
    /// - Returns: how many were accepted.
    @discardableResult
    func open(_ count: Int, port: Int, sending bytes: (Int) -> [UInt8]) -> Int {
        var opened = 0
        for index in 0..<count {
            guard let descriptor = Self.connect(port: port) else { continue }
            descriptors.append(descriptor)
            opened += 1
            Self.write(bytes(index), to: descriptor)
        }
        return opened
    }

    /// Sends one more piece on every connection.
    ///
    /// - Returns: on how many the other side still listens.
    func trickle(_ bytes: [UInt8]) -> Int { descriptors.count { Self.write(bytes, to: $0) } }

    private static func connect(port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe Glibc.connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// As much as the other side takes at once; false when it has hung up.
    @discardableResult
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        let count = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        return count >= 0 || errno == EAGAIN
    }

    /// What a ZMTP 3 peer says first, naming a mechanism.
    static func greeting(_ mechanism: String) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0]
        bytes += Array(mechanism.utf8) + [UInt8](repeating: 0, count: 20 - mechanism.utf8.count)
        return bytes + [UInt8](repeating: 0, count: 64 - bytes.count)
    }

    /// The largest resident set a process had so far, in MiB; 0 once it is gone.
    static func peakMegabytes(_ process: pid_t) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        guard let match = text.firstMatch(of: #/VmHWM:\s+(\d+) kB/#) else { return 0 }
        return (Int(match.1) ?? 0) >> 10
    }
}
