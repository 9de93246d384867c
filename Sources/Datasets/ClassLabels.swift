/// The classes of labelled rows by their number, as `id2label` and `label2id` of Hugging Face's config.json have them.
public struct ClassLabels: Sendable, Equatable {
    /// Most classes that are told apart; a column of free text by mistake has more.
    public static let maximumCount = 1024

    /// [class] what each is called in the rows.
    public let names: [String]
    private let numbers: [String: Int32]

    /// - Throws: ``DatasetError`` with code `.labels` for fewer than two, more than ``maximumCount``, or a name given twice.
    public init(_ names: [String]) throws(DatasetError) {
        guard (2...Self.maximumCount).contains(names.count) else {
            throw DatasetError(
                code: .labels,
                message: "\(names.count) \(names.count == 1 ? "label" : "labels")"
                    + "\(names.count == 1 ? " ('\(names[0])')" : ""), expected 2 to \(Self.maximumCount);"
                    + " a classifier needs something to tell apart")
        }
        var numbers: [String: Int32] = [:]
        for (number, name) in names.enumerated() {
            guard numbers.updateValue(Int32(number), forKey: name) == nil else {
                throw DatasetError(
                    code: .labels, message: "data.labels: '\(name)' is there twice; name each label once")
            }
        }
        self.names = names
        self.numbers = numbers
    }

    /// The distinct labels of rows: by value where all are whole numbers, else by their UTF-8 bytes.
    ///
    /// - Parameter rows: the rows' ids in `dataset`.
    /// - Throws: as ``init(_:)``; ``DatasetError`` that names file and line of a bad row.
    public init(of rows: [UInt32], in dataset: Dataset) throws(DatasetError) {
        var distinct: Set<String> = []
        let wanted = Set(rows)
        try dataset.forEachRow { (index, row) throws(DatasetError) in
            guard case .labelled(_, let label) = row, wanted.contains(UInt32(index)) else { return }
            distinct.insert(label)
            guard distinct.count <= Self.maximumCount else {
                throw DatasetError(
                    code: .labels,
                    message:
                        "the \(Self.maximumCount + 1)st label, '\(label.prefix(40))'; is \"label\" the right "
                        + "column? Name yours in data.columns")
            }
        }
        let numbers = distinct.compactMap { Int($0) }
        let isNumeric = numbers.count == distinct.count && Set(numbers).count == numbers.count
        try self.init(
            distinct.sorted { a, b in
                if isNumeric, let x = Int(a), let y = Int(b) { return x < y }
                return a.utf8.lexicographicallyPrecedes(b.utf8)
            })
    }

    /// The number of `label`.
    ///
    /// - Throws: ``DatasetError`` with code `.labels` that lists the labels; the caller adds file and line.
    public func number(of label: String) throws(DatasetError) -> Int32 {
        guard let number = numbers[label] else {
            throw DatasetError(
                code: .labels,
                message:
                    "label '\(label.prefix(40))' is none of \(list); correct the row, or name it in data.labels"
            )
        }
        return number
    }

    /// How many of `rows` each class has, which is also the check that every label of theirs is known.
    ///
    /// - Throws: ``DatasetError`` that names file and line of a label that is not in the list.
    public func counts(of rows: [UInt32], in dataset: Dataset) throws(DatasetError) -> [Int] {
        var counts = Array(repeating: 0, count: names.count)
        let wanted = Set(rows)
        try dataset.forEachRow { (index, row) throws(DatasetError) in
            guard case .labelled(_, let label) = row, wanted.contains(UInt32(index)) else { return }
            counts[Int(try number(of: label))] += 1
        }
        return counts
    }

    /// The names, the first ten of many.
    var list: String {
        names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " … (\(names.count) labels)" : "")
    }
}
