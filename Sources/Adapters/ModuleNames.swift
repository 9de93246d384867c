import Layers

/// The names of a base's linear modules, for errors that help.
struct ModuleNames {
    private let names: [String]

    init(_ modules: [LinearModule]) { names = modules.map(\.name) }

    /// The different last parts of the names, in the model's order: "q_proj, k_proj, …".
    var kinds: String { uniqueKinds.joined(separator: ", ") }

    /// The three names (last parts, or whole names where `name` has a dot) with the fewest edits from `name`.
    func nearest(to name: String) -> [String] {
        let candidates = name.contains(".") ? names : uniqueKinds
        let scored = candidates.map { (name: $0, edits: Self.editCount(name, $0)) }
        return scored.sorted { ($0.edits, $0.name) < ($1.edits, $1.name) }.prefix(3).map(\.name)
    }

    /// What follows the last dot.
    static func lastComponent(_ name: String) -> String {
        name.split(separator: ".").last.map(String.init) ?? name
    }

    private var uniqueKinds: [String] {
        var seen: Set<String> = []
        return names.map(Self.lastComponent).filter { seen.insert($0).inserted }
    }

    /// The Levenshtein distance.
    private static func editCount(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in 0..<right.count {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, row[column + 1] + 1)
            }
        }
        return row[right.count]
    }
}
