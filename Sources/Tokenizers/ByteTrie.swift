/// Finds the strings that begin at a place of a text.
struct ByteTrie: Sendable {
    /// The children by (node, byte), and each node's value.
    private var children: MergeTable
    private var values: [Int32] = [-1]

    /// - Throws: ``TokenizerError`` with code `.unsupported` for more bytes than a vocabulary has.
    init(_ strings: [(key: [UInt8], value: Int32)]) throws(TokenizerError) {
        let byteCount = strings.reduce(0) { $0 + $1.key.count }
        guard byteCount < 1 << 28 else {
            throw TokenizerError(code: .unsupported, message: "a vocabulary of \(byteCount) bytes")
        }
        children = MergeTable(capacity: byteCount)
        for (key, value) in strings {
            var node: Int32 = 0
            for byte in key {
                if let child = child(of: node, byte) {
                    node = child
                } else {
                    let child = Int32(values.count)
                    values.append(-1)
                    children.set(
                        left: node, right: Int32(byte), to: MergeTable.Merge(priority: 0, result: child))
                    node = child
                }
            }
            values[Int(node)] = value
        }
    }

    private func child(of node: Int32, _ byte: UInt8) -> Int32? { children.merge(node, Int32(byte))?.result }

    /// Calls `body` with each string that begins at the start of `range`, shortest first: its end and its value.
    func forEachPrefix(of text: [UInt8], range: Range<Int>, _ body: (_ end: Int, _ value: Int32) -> Void) {
        var node: Int32 = 0
        for position in range {
            guard let child = child(of: node, text[position]) else { return }
            node = child
            let value = values[Int(node)]
            if value >= 0 { body(position + 1, value) }
        }
    }

    /// The longest string that begins at the start of `range`.
    func longestPrefix(of text: [UInt8], range: Range<Int>) -> (end: Int, value: Int32)? {
        var best: (end: Int, value: Int32)?
        forEachPrefix(of: text, range: range) { best = ($0, $1) }
        return best
    }
}
