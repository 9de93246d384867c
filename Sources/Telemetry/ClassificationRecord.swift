/// The part of a line of `eval.jsonl` about labelled rows.
public struct ClassificationRecord: Sendable, Equatable {
    /// Share of rows whose class was the likeliest.
    public var accuracy: Double
    /// Mean F1 of the classes.
    public var macroF1: Double
    /// Mean F1 of the classes, weighted by their rows.
    public var weightedF1: Double
    /// [class]
    public var labels: [String]
    /// [class of the row][class predicted] rows.
    public var counts: [[Int]]

    public init(accuracy: Double, macroF1: Double, weightedF1: Double, labels: [String], counts: [[Int]]) {
        self.accuracy = accuracy
        self.macroF1 = macroF1
        self.weightedF1 = weightedF1
        self.labels = labels
        self.counts = counts
    }

    func add(to line: inout JSONLine) {
        line.add("accuracy", accuracy)
        line.add("macro_f1", macroF1)
        line.add("weighted_f1", weightedF1)
        line.addTable("confusion", labels: labels, counts: counts)
    }
}

extension ClassificationRecord {
    private enum CodingKeys: String, CodingKey {
        case accuracy, confusion
        case macroF1 = "macro_f1"
        case weightedF1 = "weighted_f1"
    }

    private struct Confusion: Decodable {
        var labels: [String]
        var counts: [[Int]]
    }

    /// Nil where the line has no confusion table.
    init?(ifPresentIn decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let confusion = try container.decodeIfPresent(Confusion.self, forKey: .confusion) else {
            return nil
        }
        self.init(
            accuracy: try container.decode(Double.self, forKey: .accuracy),
            macroF1: try container.decode(Double.self, forKey: .macroF1),
            weightedF1: try container.decode(Double.self, forKey: .weightedF1), labels: confusion.labels,
            counts: confusion.counts)
    }
}
