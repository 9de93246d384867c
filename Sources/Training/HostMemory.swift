import Foundation

/// How much memory the processes of this host may use.
public enum HostMemory {
    /// Bytes of the machine's memory, or of the control group's limit where that is less.
    public static func byteCount() -> Int {
        min(Int(clamping: ProcessInfo.processInfo.physicalMemory), controlGroupLimit() ?? .max)
    }

    /// The limit of the process's control group (version 2, else version 1); nil without one.
    package static func controlGroupLimit(root: String = "/sys/fs/cgroup") -> Int? {
        for name in ["memory.max", "memory/memory.limit_in_bytes"] {
            guard let text = try? String(contentsOfFile: "\(root)/\(name)", encoding: .utf8) else { continue }
            return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap { $0 > 0 ? $0 : nil }
        }
        return nil
    }
}
