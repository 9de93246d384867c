/// Merges the symbols of one word until no pair is left to merge.
///
/// The pair with the lowest priority merges first, the leftmost of equals. A short word is searched anew after
/// each merge; a long one keeps its pairs in a heap, so that a word without spaces of n bytes costs n·log n.
///
/// Source: Hugging Face `tokenizers` 0.23.3, `models/bpe/word.rs`, `Word::merge_all`.
struct WordMerger {
    /// Up to this many symbols searching is quicker than the heap.
    private static let longestSearched = 32

    private struct Candidate {
        var priority: Int32
        var position: Int32
        var result: Int32
    }

    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var heap: [Candidate] = []
    private var priorities: [Int32] = []
    private var results: [Int32] = []

    /// Merges `symbols` in place.
    mutating func merge(_ symbols: inout [Int32], with table: MergeTable) {
        if symbols.count < 2 { return }
        if symbols.count <= Self.longestSearched {
            mergeSearching(&symbols, with: table)
        } else {
            mergeWithHeap(&symbols, with: table)
        }
    }

    private mutating func mergeSearching(_ symbols: inout [Int32], with table: MergeTable) {
        priorities.removeAll(keepingCapacity: true)
        results.removeAll(keepingCapacity: true)
        for index in 0..<symbols.count - 1 {
            let merge = table.merge(symbols[index], symbols[index + 1])
            priorities.append(merge?.priority ?? .max)
            results.append(merge?.result ?? -1)
        }
        while true {
            var best = -1
            var bestPriority = Int32.max
            for (index, priority) in priorities.enumerated() where priority < bestPriority {
                best = index
                bestPriority = priority
            }
            if best < 0 { return }
            symbols[best] = results[best]
            symbols.remove(at: best + 1)
            priorities.remove(at: best)
            results.remove(at: best)
            for pair in max(0, best - 1)...best where pair < priorities.count {
                let merge = table.merge(symbols[pair], symbols[pair + 1])
                priorities[pair] = merge?.priority ?? .max
                results[pair] = merge?.result ?? -1
            }
        }
    }

    private mutating func mergeWithHeap(_ symbols: inout [Int32], with table: MergeTable) {
        let count = Int32(symbols.count)
        // next[i] is -1 at the end, and -2 once i has been merged into its left neighbour.
        next = (1..<count).map { $0 } + [-1]
        previous = (0..<count).map { $0 - 1 }
        heap.removeAll(keepingCapacity: true)
        for position in 0..<count - 1 { offer(position, in: symbols, table: table) }
        while let candidate = popLowest() {
            let left = Int(candidate.position)
            let right = Int(next[left])
            // A candidate is stale when one of its symbols has merged since.
            guard right >= 0, let merge = table.merge(symbols[left], symbols[right]),
                merge.result == candidate.result, merge.priority == candidate.priority
            else { continue }
            symbols[left] = merge.result
            next[left] = next[right]
            if next[left] >= 0 { previous[Int(next[left])] = candidate.position }
            next[right] = -2
            if previous[left] >= 0 { offer(previous[left], in: symbols, table: table) }
            offer(candidate.position, in: symbols, table: table)
        }
        var kept = 0
        var position = 0
        while position >= 0 {
            symbols[kept] = symbols[position]
            kept += 1
            position = Int(next[position])
        }
        symbols.removeSubrange(kept...)
    }

    private mutating func offer(_ position: Int32, in symbols: [Int32], table: MergeTable) {
        let right = next[Int(position)]
        guard right >= 0, let merge = table.merge(symbols[Int(position)], symbols[Int(right)]) else { return }
        heap.append(Candidate(priority: merge.priority, position: position, result: merge.result))
        var child = heap.count - 1
        while child > 0, Self.precedes(heap[child], heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func popLowest() -> Candidate? {
        guard let last = heap.popLast() else { return nil }
        guard let lowest = heap.first else { return last }
        heap[0] = last
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, Self.precedes(heap[child + 1], heap[child]) { child += 1 }
            guard Self.precedes(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return lowest
    }

    private static func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
        one.priority != other.priority ? one.priority < other.priority : one.position < other.position
    }
}
