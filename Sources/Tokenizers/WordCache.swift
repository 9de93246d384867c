/// Remembers the ids of words met before. One thread's own; bounded; never changes what a word's ids are.
struct WordCache {
    /// Longer words are rarely met again.
    static let longestWordByteCount = 64
    /// Words kept at most; a word takes another's place when both fall on one slot.
    private static let slotCount = 1 << 14
    /// When the stored bytes or ids reach this, everything is forgotten.
    private static let storedCountLimit = 1 << 19

    private struct Slot {
        var hash: UInt64 = 0
        var keyStart: Int32 = 0
        var keyCount: Int32 = 0
        var idStart: Int32 = 0
        var idCount: Int32 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: slotCount)
    private var keys: [UInt8] = []
    private var ids: [Int32] = []

    /// A hash of the word, for ``appendIDs(ofWord:in:hash:to:)`` and ``store(_:ofWord:in:hash:)``.
    static func hash(_ text: [UInt8], _ word: Range<Int>) -> UInt64 {
        // FNV-1a, 64 bit, with its last bits mixed; see http://www.isthe.com/chongo/tech/comp/fnv/
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in word { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
        return hash ^ (hash >> 29)
    }

    /// Appends the word's ids and returns true if they are known.
    func appendIDs(ofWord word: Range<Int>, in text: [UInt8], hash: UInt64, to output: inout [Int32]) -> Bool
    {
        let slot = slots[Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)]
        guard slot.hash == hash, Int(slot.keyCount) == word.count else { return false }
        let start = Int(slot.keyStart)
        for offset in 0..<word.count where keys[start + offset] != text[word.lowerBound + offset] {
            return false
        }
        for index in Int(slot.idStart)..<Int(slot.idStart + slot.idCount) { output.append(ids[index]) }
        return true
    }

    /// Stores a word's ids.
    mutating func store(_ wordIDs: ArraySlice<Int32>, ofWord word: Range<Int>, in text: [UInt8], hash: UInt64)
    {
        if keys.count + word.count > Self.storedCountLimit
            || ids.count + wordIDs.count > Self.storedCountLimit
        {
            keys.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
            for index in slots.indices { slots[index] = Slot() }
        }
        slots[Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)] = Slot(
            hash: hash, keyStart: Int32(keys.count), keyCount: Int32(word.count), idStart: Int32(ids.count),
            idCount: Int32(wordIDs.count))
        keys += text[word]
        ids += wordIDs
    }
}
