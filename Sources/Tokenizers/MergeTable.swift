/// The merges of a byte-pair encoding: which pair of tokens becomes which token, and how early.
struct MergeTable: Sendable {
    /// What a pair becomes.
    struct Merge: Sendable, Equatable {
        /// Lower merges first.
        let priority: Int32
        /// The token the pair becomes.
        let result: Int32
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private(set) var count = 0
    private let shift: UInt64
    // A multiplier of its own for each process, so that no file can be made to collide. Results never depend on it.
    private let multiplier = UInt64.random(in: .min ... .max) | 1

    private static let empty = UInt64.max

    /// - Parameter capacity: at most this many pairs will be set.
    init(capacity: Int) {
        var bits: UInt64 = 4
        while 1 << bits < capacity * 2 { bits += 1 }
        shift = 64 - bits
        keys = [UInt64](repeating: Self.empty, count: 1 << Int(bits))
        merges = [Merge](repeating: Merge(priority: 0, result: 0), count: 1 << Int(bits))
    }

    /// Sets what a pair becomes; a later call for the same pair counts, as in Hugging Face `tokenizers`.
    mutating func set(left: Int32, right: Int32, to merge: Merge) {
        let slot = slot(left, right)
        if keys[slot] == Self.empty {
            precondition(count * 2 < keys.count, "more merges than the table's capacity")
            count += 1
            keys[slot] = Self.key(left, right)
        }
        merges[slot] = merge
    }

    /// What the pair becomes, or nil when the two stay apart.
    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let slot = slot(left, right)
        return keys[slot] == Self.empty ? nil : merges[slot]
    }

    /// Every pair with what it becomes, in the order of their priorities.
    var entries: [(left: Int32, right: Int32, merge: Merge)] {
        keys.indices.filter { keys[$0] != Self.empty }
            .map {
                (Int32(truncatingIfNeeded: keys[$0] >> 32), Int32(truncatingIfNeeded: keys[$0]), merges[$0])
            }
            .sorted { $0.2.priority < $1.2.priority }
    }

    // Ids are not negative, so no key is `empty`.
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func slot(_ left: Int32, _ right: Int32) -> Int {
        let key = Self.key(left, right)
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* multiplier) >> shift)
        while keys[slot] != Self.empty && keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }
}
