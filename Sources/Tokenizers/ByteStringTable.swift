/// Finds a number by a string of bytes.
///
/// Tokens are compared as bytes: Swift's strings hold `é` equal to `e` followed by U+0301, vocabularies do not.
struct ByteStringTable: Sendable {
    private var slots: [Int32]
    private var starts: [Int] = [0]
    private var bytes: [UInt8] = []
    private var values: [Int32] = []
    // A seed of its own for each process, so that no file can be made to collide. It never influences results.
    private let seed = UInt64.random(in: .min ... .max) | 1

    /// - Parameter capacity: how many strings are expected.
    init(capacity: Int) {
        var slotCount = 16
        while slotCount < capacity * 2 { slotCount *= 2 }
        slots = [Int32](repeating: -1, count: slotCount)
        values.reserveCapacity(capacity)
        starts.reserveCapacity(capacity + 1)
    }

    /// How many strings the table holds.
    var count: Int { values.count }

    /// Adds a string unless it is there, and returns the value it had.
    @discardableResult
    mutating func insert(_ key: [UInt8], value: Int32) -> Int32? {
        if (values.count + 1) * 2 > slots.count { grow() }
        let slot = slot(of: key, range: key.indices)
        if slots[slot] >= 0 { return values[Int(slots[slot])] }
        slots[slot] = Int32(values.count)
        values.append(value)
        bytes += key
        starts.append(bytes.count)
        return nil
    }

    subscript(key: [UInt8]) -> Int32? { value(of: key, range: key.indices) }

    subscript(key: String) -> Int32? { self[Array(key.utf8)] }

    /// The value of the string that `range` of `text` spells.
    func value(of text: [UInt8], range: Range<Int>) -> Int32? {
        let entry = slots[slot(of: text, range: range)]
        return entry >= 0 ? values[Int(entry)] : nil
    }

    /// The slot that holds the string, or the empty one where it would go.
    private func slot(of text: [UInt8], range: Range<Int>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash(text[range]) >> 20) & mask
        while slots[slot] >= 0 {
            let entry = Int(slots[slot])
            let start = starts[entry]
            if starts[entry + 1] - start == range.count {
                var offset = 0
                while offset < range.count && bytes[start + offset] == text[range.lowerBound + offset] {
                    offset += 1
                }
                if offset == range.count { return slot }
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func hash(_ text: ArraySlice<UInt8>) -> UInt64 {
        var hash = seed
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15 ^ (hash >> 29) }
        return hash ^ (hash >> 32)
    }

    private mutating func grow() {
        slots = [Int32](repeating: -1, count: slots.count * 2)
        let mask = slots.count - 1
        for entry in values.indices {
            var slot = Int(truncatingIfNeeded: hash(bytes[starts[entry]..<starts[entry + 1]]) >> 20) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(entry)
        }
    }
}
