/// The rows of one or more files, indexed and checked, not loaded.
///
/// A row's number over all files is its example id, which names it in batches, ledger and random numbers.
/// Immutable; may be used from several threads.
public final class Dataset: Sendable {
    /// The files, in order.
    public let files: [JSONLFile]
    /// How each file's rows are read.
    public let readers: [RowReader]
    /// Number of the first row of each file, and at the end the number of rows.
    private let firstRows: [Int]

    /// Rows over all files.
    public var rowCount: Int { firstRows[firstRows.count - 1] }

    /// The paths, in order: what a manifest takes digests of.
    public var paths: [String] { files.map(\.path) }

    /// Opens the files, detects each one's shape by its first row, and checks every row.
    ///
    /// - Parameter columns: `data.columns`: names the rows have, by Shoal's names.
    /// - Throws: ``DatasetError`` that names file and line of the first bad row.
    public convenience init(paths: [String], columns: [String: String] = [:]) throws(DatasetError) {
        try self.init(paths: paths, columns: columns, checkingRows: true)
    }

    /// The shape and the number of rows of one file, of which only the first row is looked at.
    public static func describe(path: String, columns: [String: String] = [:]) throws(DatasetError)
        -> (shape: RowShape, rowCount: Int)
    {
        let dataset = try Dataset(paths: [path], columns: columns, checkingRows: false)
        return (dataset.readers[0].shape, dataset.rowCount)
    }

    private init(paths: [String], columns: [String: String], checkingRows: Bool) throws(DatasetError) {
        guard !paths.isEmpty else {
            throw DatasetError(code: .empty, message: "no data files; name one in data.train")
        }
        var files: [JSONLFile] = []
        var readers: [RowReader] = []
        var firstRows = [0]
        for path in paths {
            let file = try JSONLFile(path: path)
            guard file.rowCount > 0 else {
                throw DatasetError(
                    code: .empty, message: "has no rows; expected a JSON object a line",
                    context: .init(file: path))
            }
            let reader: RowReader
            do {
                reader = try RowReader.detect(Self.object(in: file, row: 0), columns: columns)
            } catch {
                throw error.context.line == nil ? error.at(path, line: file.line(ofRow: 0)) : error
            }
            files.append(file)
            readers.append(reader)
            firstRows.append(firstRows[firstRows.count - 1] + file.rowCount)
        }
        guard firstRows[firstRows.count - 1] <= Int(UInt32.max) else {
            throw DatasetError(
                code: .tooLarge, message: "more than \(UInt32.max) rows; split the data into runs")
        }
        let hasLabels = readers.contains { $0.shape == .textLabel }
        guard !hasLabels || readers.allSatisfy({ $0.shape == .textLabel }) else {
            throw DatasetError(
                code: .wrongShape,
                message: "some files have rows of text and label and others have not; use one kind")
        }
        self.files = files
        self.readers = readers
        self.firstRows = firstRows
        // Once each, so that a bad one is found before anything is trained.
        if checkingRows { try forEachRow { _, _ in } }
    }

    /// Calls `body` with every row's number and the row, in order; reads many at a time.
    ///
    /// - Throws: ``DatasetError`` that names file and line, also where `body` throws one that does not.
    public func forEachRow(_ body: (Int, Row) throws(DatasetError) -> Void) throws(DatasetError) {
        for (index, file) in files.enumerated() {
            let (reader, first) = (readers[index], firstRows[index])
            try file.forEachRow { (row, bytes) throws(DatasetError) in
                do throws(DatasetError) {
                    try body(first + row, try reader.read(RowReader.parse(bytes)))
                } catch {
                    throw named(error, first + row)
                }
            }
        }
    }

    /// The raw bytes of a row.
    ///
    /// - Precondition: `index` is below ``rowCount``.
    public func bytes(ofRow index: Int) throws(DatasetError) -> [UInt8] {
        let (file, row) = locate(index)
        return try files[file].bytes(ofRow: row)
    }

    /// A row.
    ///
    /// - Precondition: `index` is below ``rowCount``.
    /// - Throws: ``DatasetError`` that names file and line.
    public func row(_ index: Int) throws(DatasetError) -> Row {
        let (file, row) = locate(index)
        do {
            return try readers[file].read(Self.object(in: files[file], row: row))
        } catch {
            throw named(error, index)
        }
    }

    /// The shape of the file a row stands in.
    public func shape(ofRow index: Int) -> RowShape { readers[locate(index).file].shape }

    /// `error` with the file and line of the row, unless it has one.
    func named(_ error: DatasetError, _ index: Int) -> DatasetError {
        guard error.context.line == nil, error.code != .changed else { return error }
        let (file, row) = locate(index)
        return error.at(files[file].path, line: files[file].line(ofRow: row))
    }

    /// Every row's number, split by `data.valid_fraction`: rows to train on, rows kept back.
    ///
    /// - Throws: ``DatasetError`` with code `.empty` when a side has no row.
    public func split(validFraction: Double?) throws(DatasetError) -> (train: [UInt32], valid: [UInt32]) {
        guard let validFraction else { return (Array(0..<UInt32(rowCount)), []) }
        var train: [UInt32] = []
        var valid: [UInt32] = []
        for (file, first) in zip(files, firstRows) {
            try file.forEachRow { (row, bytes) throws(DatasetError) in
                if RowHash.isHeldBack(bytes, fraction: validFraction) {
                    valid.append(UInt32(first + row))
                } else {
                    train.append(UInt32(first + row))
                }
            }
        }
        guard !train.isEmpty, !valid.isEmpty else {
            throw DatasetError(
                code: .empty,
                message:
                    "data.valid_fraction \(validFraction) leaves \(train.count) of \(rowCount) rows to train on and "
                    + "\(valid.count) to evaluate on; each needs one. Change it, or name files in data.valid")
        }
        return (train, valid)
    }

    private func locate(_ index: Int) -> (file: Int, row: Int) {
        precondition(index >= 0 && index < rowCount, "row \(index) of \(rowCount)")
        var low = 0
        var high = files.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if firstRows[middle] <= index { low = middle } else { high = middle }
        }
        return (low, index - firstRows[low])
    }

    private static func object(in file: JSONLFile, row: Int) throws(DatasetError) -> JSONValue {
        try RowReader.parse(file.bytes(ofRow: row))
    }
}
