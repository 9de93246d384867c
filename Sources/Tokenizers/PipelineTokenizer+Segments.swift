extension PipelineTokenizer {
    func encode(
        segments: [TextSegment], addSpecialTokens: Bool
    ) throws(TokenizerError) -> (ids: [Int32], isMarked: [Bool]) {
        var text: [UInt8] = []
        // Ascending ends of segments, and whether each is marked.
        var ends: [(end: Int, isMarked: Bool)] = []
        for segment in segments {
            text += segment.text.utf8
            ends.append((text.count, segment.isMarked))
        }
        let marks = SegmentMarks(ends: ends)
        return try scratches.withScratch { scratch throws(TokenizerError) in
            var ids = addSpecialTokens ? prefixIDs : []
            var isMarked = [Bool](repeating: false, count: ids.count)
            for piece in rawMatcher.split(text, range: text.indices) {
                if let id = piece.id {
                    ids.append(id)
                    isMarked.append(marks.overlaps(piece.range))
                } else if normalizers.isEmpty {
                    try encodeMarked(
                        text, piece.range, isFirst: piece.range.lowerBound == 0, marks, scratch, &ids,
                        &isMarked)
                } else {
                    let normalized = try normalizers.apply(to: Array(text[piece.range]))
                    let normalizedMarks = try marks.within(piece.range) { part throws(TokenizerError) in
                        try normalizers.apply(
                            to: Array(text[part]), isAtStart: part.lowerBound == piece.range.lowerBound
                        ).count
                    }
                    try encodeMarked(
                        normalized, normalized.indices, isFirst: piece.range.lowerBound == 0, normalizedMarks,
                        scratch, &ids, &isMarked)
                }
            }
            if addSpecialTokens {
                ids += suffixIDs
                isMarked += suffixIDs.map { _ in false }
            }
            return (ids, isMarked)
        }
    }

    private func encodeMarked(
        _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, _ marks: SegmentMarks,
        _ scratch: EncodingScratch, _ ids: inout [Int32], _ isMarked: inout [Bool]
    ) throws(TokenizerError) {
        for piece in normalizedMatcher.split(text, range: range) {
            if let id = piece.id {
                ids.append(id)
                isMarked.append(marks.overlaps(piece.range))
                continue
            }
            try preTokenizer.forEachWord(
                of: text, range: piece.range, isFirst: isFirst && piece.range.lowerBound == range.lowerBound,
                memory: scratch.memory
            ) {
                text, word, shift throws(TokenizerError) in
                let start = ids.count
                try encodeWord(text, word, scratch, &ids)
                let ranges = try model.ranges(
                    ofTokens: ids[start...], word: word, in: text, table: tokenTable)
                for range in ranges {
                    isMarked.append(marks.overlaps(range.lowerBound + shift..<range.upperBound + shift))
                }
            }
        }
    }
}

/// Which bytes of a text are marked.
private struct SegmentMarks {
    /// Ascending ends of segments, and whether each is marked.
    let ends: [(end: Int, isMarked: Bool)]

    /// Whether a marked byte lies in `range`.
    func overlaps(_ range: Range<Int>) -> Bool {
        // The first segment that ends after the range's beginning.
        var low = 0
        var high = ends.count
        while low < high {
            let middle = (low + high) / 2
            if ends[middle].end <= range.lowerBound { low = middle + 1 } else { high = middle }
        }
        var start = low > 0 ? ends[low - 1].end : 0
        while low < ends.count, start < range.upperBound {
            if ends[low].isMarked && ends[low].end > max(start, range.lowerBound) { return true }
            start = ends[low].end
            low += 1
        }
        return false
    }

    /// The marks of one stretch, whose parts have other lengths once normalised.
    ///
    /// Segments' ends keep their place, as a template's literal text, which never composes with what follows,
    /// stands at each of them.
    func within(
        _ range: Range<Int>, length: (Range<Int>) throws(TokenizerError) -> Int
    ) throws(TokenizerError) -> SegmentMarks {
        var result: [(end: Int, isMarked: Bool)] = []
        var start = range.lowerBound
        var normalizedEnd = 0
        for segment in ends where segment.end > start && start < range.upperBound {
            let end = min(segment.end, range.upperBound)
            normalizedEnd += try length(start..<end)
            result.append((normalizedEnd, segment.isMarked))
            start = end
        }
        return SegmentMarks(ends: result)
    }
}
