/// Simulated time and chance: events run in the order of their times, and everything follows from the seed.
final class SimulatedWorld {
    /// Nanoseconds; `Duration` is too slow for some hundred thousand comparisons a second.
    private(set) var nanoseconds: Int64 = 0
    var generator: SeededGenerator
    /// Events not yet due: a binary heap by (time, number).
    private var heap: [(time: Int64, number: UInt64, body: () -> Void)] = []
    private var eventNumber: UInt64 = 0

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    var now: Duration { .nanoseconds(nanoseconds) }
    /// Seconds since the start.
    var time: Double { Double(nanoseconds) * 1e-9 }

    func random(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound
            + (range.upperBound - range.lowerBound) * Double(generator.next() >> 11) * 0x1p-53
    }
    func chance(_ probability: Double) -> Bool { random(0...1) < probability }
    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(generator.next() % UInt64(elements.count))]
    }

    func after(_ seconds: Double, _ body: @escaping () -> Void) { at(time + seconds, body) }

    /// Runs `body` at `seconds` since the start, or next when that is past.
    func at(_ seconds: Double, _ body: @escaping () -> Void) {
        eventNumber += 1
        heap.append((max(Int64(seconds * 1e9), nanoseconds), eventNumber, body))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Runs until `isDone` or `limit` seconds since the start; whether it was done.
    func run(limit: Double, until isDone: () -> Bool) -> Bool {
        let limit = Int64(limit * 1e9)
        while !isDone() {
            guard let first = heap.first, first.time < limit else { return false }
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                sink()
            }
            nanoseconds = first.time
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
