import Coordination
import WireProtocol

/// Simulated time, a network that delays and repeats, and the processes on it. Everything follows from the seed.
final class SimulatedWorld {
    private(set) var now = Duration.zero
    var generator: SeededGenerator
    /// Events not yet due: a binary heap by (time, number).
    private var heap: [(time: Duration, number: UInt64, body: () -> Void)] = []
    private var eventNumber: UInt64 = 0
    private var lastDelivery: [String: Duration] = [:]
    /// Control and data messages repeated by the network.
    let repeatProbability: Double

    init(seed: UInt64, repeatProbability: Double) {
        generator = SeededGenerator(seed: seed)
        self.repeatProbability = repeatProbability
    }

    func random(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &generator) }
    func chance(_ probability: Double) -> Bool { random(0...1) < probability }

    func after(_ seconds: Double, _ body: @escaping () -> Void) {
        at(now + .seconds(seconds), body)
    }

    func at(_ time: Duration, _ body: @escaping () -> Void) {
        eventNumber += 1
        heap.append((max(time, now), eventNumber, body))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Delivers between two ends in order, with delays that differ from pair to pair and message to message.
    func deliver(link: String, _ body: @escaping () -> Void) {
        let arrival = max(
            now + .seconds(random(0.0005...0.03) * (chance(0.02) ? 40 : 1)), lastDelivery[link] ?? .zero)
        lastDelivery[link] = arrival
        at(arrival, body)
        if chance(repeatProbability) { at(arrival, body) }
    }

    /// Runs until `isDone` or `limit`; whether it was done.
    func run(limit: Duration, until isDone: () -> Bool) -> Bool {
        while !isDone() {
            guard let first = heap.first, first.time < limit else { return false }
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                sink()
            }
            now = first.time
            first.body()
        }
        return true
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }

    private func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
