import CSentencePiece

/// A SentencePiece model, applied by libsentencepiece: its normalisation, its unigrams or pairs.
@safe final class SentencePieceModel: SubwordModel, @unchecked Sendable {
    // Safety: the library's model is written only by init, before another thread can see it; encoding reads it
    // ("All methods of SentencePieceProcessor that are const are thread-safe").
    private let handle: OpaquePointer
    private let serialized: [UInt8]

    let idsByName: ByteStringTable

    /// Longer texts are refused: the library's offsets have 32 bits, and its memory is a multiple of the text's.
    private static let longestTextByteCount = 1 << 28
    private static let longestErrorByteCount = 512

    /// - Throws: ``TokenizerError`` with code `.malformed` when libsentencepiece refuses the model.
    init(_ file: SentencePieceFile) throws(TokenizerError) {
        var names = ByteStringTable(capacity: file.pieces.count)
        for (id, piece) in file.pieces.enumerated() {
            guard names.insert(Array(piece.text.utf8), value: Int32(id)) == nil else {
                throw TokenizerError(
                    code: .malformed, message: "piece \"\(piece.text.prefix(80))\" is there twice",
                    context: "tokenizer.model")
            }
        }
        idsByName = names
        let serialized = file.serialized
        self.serialized = serialized
        var reason = [CChar](repeating: 0, count: Self.longestErrorByteCount)
        let handle = unsafe serialized.withUnsafeBytes { bytes in
            unsafe reason.withUnsafeMutableBufferPointer { reason in
                unsafe CSentencePiece_load(bytes.baseAddress, bytes.count, reason.baseAddress, reason.count)
            }
        }
        guard let handle = unsafe handle else {
            throw TokenizerError(
                code: .malformed, message: "libsentencepiece refuses the model: \(Self.text(reason))",
                context: "tokenizer.model")
        }
        unsafe self.handle = handle
    }

    deinit { unsafe CSentencePiece_free(handle) }

    private static func text(_ reason: [CChar]) -> String {
        String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func tokens(
        ofWord range: Range<Int>, in text: [UInt8]
    ) throws(TokenizerError) -> (ids: [Int32], ends: [UInt32]) {
        guard range.count <= Self.longestTextByteCount else {
            throw TokenizerError(
                code: .textTooLarge,
                message:
                    "a text of \(range.count) bytes is longer than \(Self.longestTextByteCount); split it")
        }
        var ids = [Int32](repeating: 0, count: range.count + 16)
        var ends = [UInt32](repeating: 0, count: ids.count)
        while true {
            var reason = [CChar](repeating: 0, count: Self.longestErrorByteCount)
            let count = unsafe text.withUnsafeBufferPointer { text in
                unsafe ids.withUnsafeMutableBufferPointer { ids in
                    unsafe ends.withUnsafeMutableBufferPointer { ends in
                        unsafe reason.withUnsafeMutableBufferPointer { reason in
                            unsafe text[range].withMemoryRebound(to: CChar.self) { text in
                                unsafe CSentencePiece_encode(
                                    handle, text.baseAddress, text.count, ids.baseAddress, ends.baseAddress,
                                    ids.count, reason.baseAddress, reason.count)
                            }
                        }
                    }
                }
            }
            guard count >= 0 else {
                throw TokenizerError(
                    code: .patternFailed, message: "libsentencepiece: \(Self.text(reason)); split the text")
            }
            if count <= ids.count {
                return (Array(ids.prefix(Int(count))), Array(ends.prefix(Int(count))))
            }
            // Normalisation may lengthen a text.
            ids = [Int32](repeating: 0, count: Int(count))
            ends = [UInt32](repeating: 0, count: Int(count))
        }
    }

    func appendIDs(
        ofWord range: Range<Int>, in text: [UInt8], merger: inout WordMerger, to output: inout [Int32]
    ) throws(TokenizerError) {
        output += try tokens(ofWord: range, in: text).ids
    }

    func ranges(
        ofTokens ids: ArraySlice<Int32>, word: Range<Int>, in text: [UInt8], table: TokenTable
    ) throws(TokenizerError) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = word.lowerBound
        for end in try tokens(ofWord: word, in: text).ends {
            let end = min(word.upperBound, max(start, word.lowerBound + Int(end)))
            ranges.append(start..<end)
            start = end
        }
        if let last = ranges.popLast() { ranges.append(last.lowerBound..<word.upperBound) }
        return ranges
    }

    func describe(to output: inout CanonicalWriter) {
        output.add("sentence pieces")
        output.add(serialized)
    }
}
