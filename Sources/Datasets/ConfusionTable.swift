/// How often rows of each class were taken for each class, and what follows from that.
///
/// - Source: the definitions of scikit-learn's `confusion_matrix` and `f1_score`: a class that is neither in the rows nor
///   predicted counts for no mean, one without a right prediction has F1 0.
public struct ConfusionTable: Codable, Sendable, Equatable {
    /// [class]
    public let labels: [String]
    /// [class of the row][class predicted]
    public private(set) var counts: [[Int]]

    /// An empty table.
    public init(labels: [String]) {
        self.labels = labels
        counts = Array(repeating: Array(repeating: 0, count: labels.count), count: labels.count)
    }

    /// Counts a row; one of a class that the table has not is left out.
    mutating func add(actual: Int, predicted: Int) {
        guard labels.indices.contains(actual), labels.indices.contains(predicted) else { return }
        counts[actual][predicted] += 1
    }

    /// Rows counted.
    public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }

    /// Share of the rows whose class is the likeliest.
    public var accuracy: Double {
        total > 0 ? Double(labels.indices.reduce(0) { $0 + counts[$1][$1] }) / Double(total) : 0
    }

    /// Mean F1 of the classes, each counting once.
    public var macroF1: Double { mean { _ in 1 } }

    /// Mean F1 of the classes, each counting as often as it has rows.
    public var weightedF1: Double { mean { Double(actual($0)) } }

    private func actual(_ label: Int) -> Int { counts[label].reduce(0, +) }
    private func predicted(_ label: Int) -> Int { counts.reduce(0) { $0 + $1[label] } }

    private func mean(_ weight: (Int) -> Double) -> Double {
        var (sum, weights) = (0.0, 0.0)
        for label in labels.indices where actual(label) + predicted(label) > 0 {
            // 2 · precision · recall ÷ (precision + recall)
            let f1 = 2 * Double(counts[label][label]) / Double(actual(label) + predicted(label))
            sum += weight(label) * f1
            weights += weight(label)
        }
        return weights > 0 ? sum / weights : 0
    }
}
