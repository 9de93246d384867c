import Foundation

/// What this process has used so far, as Linux tells it.
public struct ProcessUsage: Sendable, Equatable {
    /// Largest resident memory so far (VmHWM), in bytes.
    public var peakResidentBytes: UInt64
    /// Resident memory now (VmRSS), in bytes; a page shared by n processes counts in each.
    public var residentBytes: UInt64
    /// Proportional memory now (PSS), in bytes: a page shared by n processes counts 1/n. Nil where the kernel does
    /// not tell.
    public var proportionalBytes: UInt64?
    /// Processor time of all threads in user and system mode, in seconds.
    public var processorSeconds: Double

    public init(
        peakResidentBytes: UInt64, residentBytes: UInt64, proportionalBytes: UInt64?, processorSeconds: Double
    ) {
        self.peakResidentBytes = peakResidentBytes
        self.residentBytes = residentBytes
        self.proportionalBytes = proportionalBytes
        self.processorSeconds = processorSeconds
    }

    /// The usage now; zeros for what cannot be read.
    ///
    /// Reading PSS walks all pages of the process (milliseconds for gigabytes), so it is left out unless asked for.
    public static func current(includingProportional: Bool = false) -> ProcessUsage {
        let status = read("/proc/self/status")
        let rollup = includingProportional ? read("/proc/self/smaps_rollup") : ""
        return ProcessUsage(
            peakResidentBytes: bytes(of: "VmHWM", in: status) ?? 0,
            residentBytes: bytes(of: "VmRSS", in: status) ?? 0,
            proportionalBytes: bytes(of: "Pss", in: rollup),
            processorSeconds: processorSeconds(
                in: read("/proc/self/stat"), ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)))
                ?? 0)
    }

    /// The value of a line `key:   123 kB`, in bytes.
    package static func bytes(of key: String, in text: String) -> UInt64? {
        for line in text.split(separator: "\n") where line.hasPrefix(key + ":") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 3, words[2] == "kB", let kibibytes = UInt64(words[1]) else { return nil }
            return kibibytes * 1024
        }
        return nil
    }

    /// utime + stime of a line of /proc/PID/stat (proc(5): fields 14 and 15).
    package static func processorSeconds(in text: String, ticksPerSecond: Int) -> Double? {
        // The command's name in parentheses may itself hold spaces and parentheses.
        guard ticksPerSecond > 0, let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            return nil
        }
        return (user + system) / Double(ticksPerSecond)
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
