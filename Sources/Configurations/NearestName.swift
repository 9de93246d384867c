/// Finds the known name that a mistyped one was probably meant to be.
package enum NearestName {
    /// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
    ///
    /// - Source: the restricted Damerau–Levenshtein distance ("optimal string alignment").
    package static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8.prefix(80))
        let b = Array(b.utf8.prefix(80))
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var row = [i + 1]
            row.reserveCapacity(b.count + 1)
            for (j, y) in b.enumerated() {
                var edits = min(row[j] + 1, last[j + 1] + 1, last[j] + (x == y ? 0 : 1))
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y {
                    edits = min(edits, beforeLast[j - 1] + 1)
                }
                row.append(edits)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }

    /// The candidate with the fewest edits (ties: the first), or nil when none is near enough to be a slip.
    package static func nearest(to name: String, in candidates: [String]) -> String? {
        let lowered = name.lowercased()
        let scored = candidates.map { (name: $0, edits: distance(lowered, $0.lowercased())) }
        guard let best = scored.min(by: { $0.edits < $1.edits }) else { return nil }
        return best.edits <= max(2, name.utf8.count / 3) ? best.name : nil
    }
}
