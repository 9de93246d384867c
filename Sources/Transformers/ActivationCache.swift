import Kernels
import Layers
import Synchronization
import Tensors

/// What the frozen blocks below the lowest trained one make of texts, kept from epoch to epoch.
///
/// A text's rows depend on its tokens alone, down to the last bit whatever is computed beside them, so they are kept by its tokens,
/// and a run has the same bits with a cache, without, and with one that starts anew. When it is full it keeps what it has: an
/// epoch goes through all texts in turn, and the oldest is the one that is wanted next.
///
/// - Thread: any.
public final class ActivationCache: Sendable {
    private struct Contents {
        var rows: [[Int32]: Vector] = [:]
        var byteCount = 0
    }

    /// The most it holds.
    public let byteLimit: Int
    private let contents = Mutex(Contents())

    /// - Precondition: `byteLimit` is positive.
    public init(byteLimit: Int) {
        precondition(byteLimit > 0, "a cache of \(byteLimit) bytes")
        self.byteLimit = byteLimit
    }

    /// Bytes of activations held.
    public var byteCount: Int { contents.withLock { $0.byteCount } }

    /// Fills `output` [N, C] with the rows of all texts: from here where it has them, else from `compute`, whose rows are then
    /// kept.
    ///
    /// - Parameters:
    ///   - ids: [N]
    ///   - spans: where each text's rows are; none continues another.
    ///   - compute: given the texts to compute, what the blocks make of them, one behind the other; empty rows are not asked for.
    func fill(
        _ output: Matrix, ids: [Int32], spans: [SequenceSpan], compute: ([SequenceSpan]) -> Matrix
    ) {
        var missing: [SequenceSpan] = []
        for span in spans {
            guard let rows = contents.withLock({ $0.rows[Array(ids[span.rows])] }) else {
                missing.append(span)
                continue
            }
            copy(
                output: output.rows(span.rows),
                from: rows.matrix(rows: span.rows.count, columns: output.columns))
        }
        guard !missing.isEmpty else { return }
        let computed = compute(missing)
        var start = 0
        for span in missing {
            let rows = computed.rows(start..<start + span.rows.count)
            start += span.rows.count
            copy(output: output.rows(span.rows), from: rows)
            keep(rows, of: Array(ids[span.rows]))
        }
    }

    private func keep(_ rows: Matrix, of ids: [Int32]) {
        let byteCount = 4 * (rows.count + ids.count)
        guard
            contents.withLock({ contents in
                guard contents.rows[ids] == nil, contents.byteCount + byteCount <= byteLimit else {
                    return false
                }
                contents.byteCount += byteCount
                return true
            })
        else { return }
        let kept = Vector(zeros: rows.count)
        copy(output: kept.matrix(rows: rows.rows, columns: rows.columns), from: rows)
        contents.withLock { contents in
            // Two threads may have met the same text.
            if contents.rows.updateValue(kept, forKey: ids) != nil { contents.byteCount -= byteCount }
        }
    }
}
