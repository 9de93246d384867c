import Foundation
import Synchronization

/// A file of rows, one JSON object a line, of which only the offsets are in memory.
///
/// Blank lines are no rows. A `.gz` file is unpacked once, when it is opened, into a temporary file that is
/// deleted at once and so goes with the process; its rows are then read like any other's. It takes the
/// unpacked text's room in `TMPDIR`.
public final class JSONLFile: Sendable {
    /// Its path, as given.
    public let path: String
    /// Byte offset of each row's first byte, and at the end the file's length.
    private let offsets: [UInt64]
    private let handle: Mutex<FileHandle>

    /// Longest row that is read, in bytes; no row of text is near it, and a file without line ends is.
    static let maximumRowByteCount = 64 << 20

    /// Rows in the file.
    public var rowCount: Int { offsets.count - 1 }

    /// Opens and indexes a file.
    ///
    /// - Throws: ``DatasetError`` with code `.unreadableFile`, or `.malformedRow` for a line that is too long.
    public init(path: String) throws(DatasetError) {
        self.path = path
        do {
            let handle = try Self.open(path)
            offsets = try Self.index(handle, path: path)
            self.handle = Mutex(handle)
        } catch let error as DatasetError {
            throw error
        } catch {
            throw DatasetError(
                code: .unreadableFile, message: "cannot be read: \(error.localizedDescription)",
                context: .init(file: path))
        }
    }

    /// The bytes of a row, without its line end.
    ///
    /// - Precondition: `row` is below ``rowCount``.
    /// - Throws: ``DatasetError`` with code `.changed` when the file is shorter than it was.
    public func bytes(ofRow row: Int) throws(DatasetError) -> [UInt8] {
        precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
        let start = offsets[row]
        let count = Int(offsets[row + 1] - start)
        return Self.line(try read(start, count)[...])
    }

    /// Calls `body` with every row's number and bytes, in order; reads many rows at a time.
    ///
    /// - Throws: ``DatasetError`` with code `.changed` when the file is shorter than it was, or what `body` throws.
    public func forEachRow(_ body: (Int, [UInt8]) throws(DatasetError) -> Void) throws(DatasetError) {
        let blockByteCount: UInt64 = 1 << 20
        var row = 0
        while row < rowCount {
            var end = row + 1
            while end < rowCount, offsets[end + 1] - offsets[row] <= blockByteCount { end += 1 }
            let first = offsets[row]
            let block = try read(first, Int(offsets[end] - first))
            while row < end {
                try body(row, Self.line(block[Int(offsets[row] - first)..<Int(offsets[row + 1] - first)]))
                row += 1
            }
        }
    }

    private func read(_ start: UInt64, _ count: Int) throws(DatasetError) -> [UInt8] {
        let data: Data? = handle.withLock { handle in
            do {
                try handle.seek(toOffset: start)
                return try handle.read(upToCount: count)
            } catch {
                return nil
            }
        }
        guard let data, data.count == count else {
            throw DatasetError(
                code: .changed,
                message: "the file became shorter while it was used; restore it and start again",
                context: .init(file: path))
        }
        return Array(data)
    }

    /// Up to the line end: blank lines may lie between a row and the next.
    private static func line(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return Array(line)
    }

    /// The line a row stands in, from 1. Reads the file up to it: for messages only.
    public func line(ofRow row: Int) -> Int {
        let end = offsets[row]
        return handle.withLock { handle in
            var line = 1
            var position: UInt64 = 0
            do {
                try handle.seek(toOffset: 0)
                while position < end,
                    let piece = try handle.read(upToCount: Int(min(1 << 20, end - position))), !piece.isEmpty
                {
                    line += piece.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
                    position += UInt64(piece.count)
                }
            } catch {
                // The line is for a message about something else; what was counted so far will do.
            }
            return line
        }
    }

    private static func open(_ path: String) throws -> FileHandle {
        let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        guard let type, type != .typeDirectory else {
            throw DatasetError(
                code: .unreadableFile,
                message: type == nil ? "does not exist" : "is a folder; expected a file of JSON rows",
                context: .init(file: path))
        }
        return path.hasSuffix(".gz") ? try spool(path) : try FileHandle(forReadingFrom: URL(filePath: path))
    }

    /// Unpacks into a temporary file without a name.
    private static func spool(_ path: String) throws -> FileHandle {
        let url = FileManager.default.temporaryDirectory.appending(path: "shoal-rows-\(UUID().uuidString)")
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else {
            throw DatasetError(
                code: .unreadableFile,
                message:
                    "cannot be unpacked: no file can be made in \(url.deletingLastPathComponent().path); set TMPDIR",
                context: .init(file: path))
        }
        defer { try? FileManager.default.removeItem(at: url) }
        let handle = try FileHandle(forUpdating: url)
        try Gunzip.unpack(path: path) { try handle.write(contentsOf: Data($0)) }
        return handle
    }

    /// The offset of each line that holds more than white space.
    private static func index(_ handle: FileHandle, path: String) throws -> [UInt64] {
        var offsets: [UInt64] = []
        var position: UInt64 = 0
        var lineStart: UInt64 = 0
        var isBlank = true
        try handle.seek(toOffset: 0)
        while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
            var start = piece.startIndex
            // A byte-order mark is no part of the first row.
            if position == 0, piece.starts(with: [0xEF, 0xBB, 0xBF]) {
                start += 3
                lineStart = 3
            }
            position += UInt64(start - piece.startIndex)
            for byte in piece[start...] {
                position += 1
                switch byte {
                case UInt8(ascii: "\n"):
                    if !isBlank { offsets.append(lineStart) }
                    try checkLength(position - lineStart, row: offsets.count, path: path)
                    lineStart = position
                    isBlank = true
                case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
                default: isBlank = false
                }
            }
            try checkLength(position - lineStart, row: offsets.count + 1, path: path)
        }
        if !isBlank { offsets.append(lineStart) }
        offsets.append(position)
        return offsets
    }

    private static func checkLength(_ byteCount: UInt64, row: Int, path: String) throws {
        guard byteCount <= UInt64(maximumRowByteCount) else {
            throw DatasetError(
                code: .malformedRow,
                message:
                    "row \(row) is longer than \(maximumRowByteCount >> 20) MiB; is this a file of JSON lines?",
                context: .init(file: path))
        }
    }
}
