import Foundation

/// Ports for a test's own servers.
enum FreePort {
    /// A TCP port that nobody listens on.
    static func find() throws -> Int {
        // The kernel gives ephemeral ports from 32768 on; below that, try a few by process id.
        for offset in 0..<200 {
            let port = 20000 + (Int(getpid()) * 37 + Int.random(in: 0..<5000) + offset) % 10000
            if isFree(port) { return port }
        }
        throw Shoal.HarnessError(description: "no free port found")
    }

    /// Whether no line of the kernel's table of sockets has the port in its local address.
    private static func isFree(_ port: Int) -> Bool {
        let mark = ":" + String(port, radix: 16, uppercase: true).leftPadded(to: 4) + " "
        return ["/proc/net/tcp", "/proc/net/tcp6"].allSatisfy { path in
            ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").allSatisfy {
                !($0.split(separator: " ").dropFirst().first.map { $0 + " " } ?? "").hasSuffix(mark)
            }
        }
    }
}

extension String {
    /// The string with zeros in front, at least `count` characters long.
    fileprivate func leftPadded(to count: Int) -> String {
        String(repeating: "0", count: max(0, count - self.count)) + self
    }
}
