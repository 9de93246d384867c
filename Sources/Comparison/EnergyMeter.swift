import Foundation
import Synchronization

/// Energy that the processor packages of this machine used, from the kernel's counters (powercap, RAPL): of all that
/// runs here, idle power included.
public final class EnergyMeter: Sendable {
    private struct State {
        var joules = 0.0
        var last: [UInt64] = []
        var isRunning = true
    }

    /// A package's counter and the value after which it begins anew.
    private struct Counter: Sendable {
        let path: String
        let range: UInt64
    }

    private let counters: [Counter]
    private let state = Mutex(State())

    /// Begins to count; nil where there are no counters, or only the administrator may read them.
    ///
    /// - Parameter root: `/sys/class/powercap`, but for tests.
    public init?(root: String = "/sys/class/powercap") {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        // intel-rapl:0 is a package; intel-rapl:0:1 a part of it, counted there already. AMD's have the same name.
        counters = names.sorted().filter { $0.hasPrefix("intel-rapl:") && $0.count { $0 == ":" } == 1 }
            .compactMap { name in
                guard let range = Self.read("\(root)/\(name)/max_energy_range_uj"), range > 0 else {
                    return nil
                }
                return Counter(path: "\(root)/\(name)/energy_uj", range: range)
            }
        let first = counters.compactMap { Self.read($0.path) }
        guard !counters.isEmpty, first.count == counters.count else { return nil }
        state.withLock { $0.last = first }
        let thread = Thread { [weak self] in
            // Counters begin anew after minutes at the soonest.
            while self?.sample() == true { Thread.sleep(forTimeInterval: 5) }
        }
        thread.name = "energy"
        thread.start()
    }

    /// Ends the counting.
    ///
    /// - Returns: joules since the beginning.
    public func stop() -> Double {
        _ = sample()
        return state.withLock { state in
            state.isRunning = false
            return state.joules
        }
    }

    private func sample() -> Bool {
        state.withLock { state in
            guard state.isRunning else { return false }
            for (index, counter) in counters.enumerated() {
                guard let now = Self.read(counter.path) else { continue }
                let before = state.last[index]
                let used = now >= before ? now - before : counter.range - min(before, counter.range) + now
                state.joules += Double(used) / 1e6
                state.last[index] = now
            }
            return true
        }
    }

    private static func read(_ path: String) -> UInt64? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
