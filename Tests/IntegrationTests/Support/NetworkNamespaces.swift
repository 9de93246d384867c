import Foundation

/// What the tests of labs need of the machine.
enum NetworkNamespaces {
    /// Whether network namespaces can be made here.
    static let areAllowed = {
        let name = "shoal-lab-probe\(getpid())"
        func ip(_ verb: String) -> Bool {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = [
                "-c", "PATH=$PATH:/usr/sbin:/sbin; command -v tc && ip netns \(verb) \(name)",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
        return geteuid() == 0 && ip("add") && ip("del")
    }()
}
