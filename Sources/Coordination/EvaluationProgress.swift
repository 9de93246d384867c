package import WireProtocol

/// Micro-batches of an evaluation, handed out a few at a time; who scores which does not change the scores.
package struct EvaluationProgress: Sendable {
    /// Travels as the header's generation, so that scores of an earlier evaluation are recognised.
    package let id: UInt64
    package private(set) var scores: [[Evaluated.Score]?]
    private var waiting: [UInt32]
    private var worker: [UInt32: UInt32] = [:]

    package init(id: UInt64, leafCount: Int) {
        self.id = id
        scores = Array(repeating: nil, count: leafCount)
        waiting = (0..<UInt32(leafCount)).reversed()
    }

    /// Whether all scores are here.
    package var isComplete: Bool { waiting.isEmpty && worker.isEmpty }

    /// Takes as many waiting micro-batches for `id` as bring it to `window` under way.
    package mutating func take(for id: UInt32, window: Int) -> [UInt32] {
        let underWay = worker.values.count { $0 == id }
        var leaves: [UInt32] = []
        while underWay + leaves.count < window, let leaf = waiting.popLast() {
            worker[leaf] = id
            leaves.append(leaf)
        }
        return leaves
    }

    /// Takes scores; false when they are not expected from this worker.
    package mutating func insert(_ evaluated: Evaluated, from id: UInt32) -> Bool {
        guard worker[evaluated.leaf] == id else { return false }
        worker[evaluated.leaf] = nil
        scores[Int(evaluated.leaf)] = evaluated.scores
        return true
    }

    /// Puts back what `id` had under way.
    package mutating func putBack(from id: UInt32) {
        let leaves = worker.filter { $0.value == id }.keys
        for leaf in leaves { worker[leaf] = nil }
        waiting.append(contentsOf: leaves.sorted(by: >))
    }
}
