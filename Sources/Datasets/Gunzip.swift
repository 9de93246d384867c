import CZlib

/// Unpacks a `.gz` file through zlib; members that follow one another are unpacked as one stream.
///
/// The only owner of a `gzFile` here. It never leaves this function and is closed on every path.
enum Gunzip {
    /// Calls `body` with the unpacked bytes, piece by piece.
    ///
    /// - Throws: ``DatasetError`` with code `.unreadableFile` when the file is no gzip file, is damaged or ends
    ///   early, or whatever `body` throws.
    static func unpack(path: String, _ body: ([UInt8]) throws -> Void) throws {
        guard let file = unsafe gzopen(path, "rb") else {
            throw failure(path, "cannot be opened; does it exist?")
        }
        var isOpen = true
        defer { if isOpen { _ = unsafe gzclose_r(file) } }
        let pieceByteCount = 1 << 18
        unsafe gzbuffer(file, UInt32(pieceByteCount))
        while true {
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: pieceByteCount) { buffer, count in
                count = 0
                let read = unsafe gzread(file, buffer.baseAddress, UInt32(pieceByteCount))
                count = max(0, Int(read))
            }
            // zlib hands a file that is not packed through as it is; its name says that it should be.
            if unsafe gzdirect(file) != 0 {
                throw failure(path, "is named .gz but is not a gzip file; rename it")
            }
            if piece.isEmpty { break }
            try body(piece)
        }
        var code: Int32 = Z_OK
        let message = unsafe gzerror(file, &code).map { unsafe String(cString: $0) } ?? ""
        isOpen = false
        // A stream that ends inside a member shows only here: Z_BUF_ERROR.
        let closed = unsafe gzclose_r(file)
        guard code == Z_OK || code == Z_STREAM_END, closed == Z_OK else {
            let reason = closed == Z_BUF_ERROR || code == Z_BUF_ERROR ? "it ends early" : message
            throw failure(path, "cannot be unpacked: \(reason); fetch it again")
        }
    }

    private static func failure(_ path: String, _ problem: String) -> DatasetError {
        DatasetError(code: .unreadableFile, message: problem, context: .init(file: path))
    }
}
