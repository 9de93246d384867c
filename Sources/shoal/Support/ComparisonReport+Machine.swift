import Comparison
import Foundation
import Training

extension ComparisonReport.Machine {
    /// This machine, as it says of itself.
    static func here() -> ComparisonReport.Machine {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        let name = line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
        return ComparisonReport.Machine(
            processor: name ?? "unknown", processors: ProcessorCount.available(),
            memoryBytes: ProcessInfo.processInfo.physicalMemory)
    }
}
