import Foundation

/// A folder for the Unix sockets of one run, open to this user alone, with a path short enough for a socket.
struct SocketFolder {
    let path: String

    init() throws {
        let unique = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let base = NSTemporaryDirectory().utf8.count <= 60 ? NSTemporaryDirectory() : "/tmp"
        path = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/shoal-\(unique)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
