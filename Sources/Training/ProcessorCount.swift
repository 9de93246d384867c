public import Foundation

/// How many compute threads this process should use when nobody says.
public enum ProcessorCount {
    /// `SLURM_CPUS_PER_TASK` where a batch system set it, else the smaller of the affinity mask and the
    /// control group's quota; at least 1.
    public static func available(environment: [String: String] = ProcessInfo.processInfo.environment) -> Int {
        if let text = environment["SLURM_CPUS_PER_TASK"], let count = Int(text), count > 0 { return count }
        return max(
            1, min(affinity() ?? ProcessInfo.processInfo.activeProcessorCount, controlGroupQuota() ?? Int.max)
        )
    }

    /// Processors that the scheduler may put this process on (`Cpus_allowed_list`, e.g. `0-3,8`).
    package static func affinity(status: String? = nil) -> Int? {
        guard let text = status ?? (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") })
        else { return nil }
        var count = 0
        for part in line.dropFirst("Cpus_allowed_list:".count).split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, last >= first else { return nil }
            count += last - first + 1
        }
        return count > 0 ? count : nil
    }

    /// The quota of the process's control group (version 2, else version 1), rounded up to whole processors.
    static func controlGroupQuota(root: String = "/sys/fs/cgroup") -> Int? {
        func read(_ name: String) -> String? {
            try? String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
        }
        if let fields = read("cpu.max")?.split(whereSeparator: \.isWhitespace), fields.count == 2 {
            return quota(String(fields[0]), period: String(fields[1]))
        }
        guard let quotaText = read("cpu/cpu.cfs_quota_us"), let periodText = read("cpu/cpu.cfs_period_us")
        else { return nil }
        return quota(
            quotaText.trimmingCharacters(in: .whitespacesAndNewlines),
            period: periodText.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private static func quota(_ quotaText: String, period periodText: String) -> Int? {
        guard let quota = Double(quotaText), let period = Double(periodText), quota > 0, period > 0 else {
            return nil
        }
        return max(1, Int((quota / period).rounded(.up)))
    }
}
