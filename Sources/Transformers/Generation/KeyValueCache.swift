import Kernels
import Tensors

/// Keys and values of the tokens a model has seen of one text, so that each new token costs one row.
///
/// - Thread: one at a time.
public final class KeyValueCache {
    /// Tokens held.
    public private(set) var count = 0
    /// Per block [capacity, K·D] keys, after rotary, and values.
    private var layers: [KeyValueRows]
    private let columns: Int
    private var capacity = 0

    /// An empty cache for `layerCount` blocks with `columns` = K·D features each of keys and of values.
    init(layerCount: Int, columns: Int) {
        self.columns = columns
        let empty = KeyValueRows(
            key: Matrix(rows: 0, columns: columns), value: Matrix(rows: 0, columns: columns))
        layers = Array(repeating: empty, count: layerCount)
    }

    /// Bytes allocated.
    public var byteCount: Int { 2 * layers.count * capacity * columns * 4 }

    /// Forgets all tokens from `newCount` on; what is before them stays valid.
    ///
    /// - Precondition: `newCount` ≤ ``count``.
    public func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "truncating \(count) tokens to \(newCount)")
        count = newCount
    }

    /// Makes room for `additional` tokens behind those held; doubles, so that appending stays cheap.
    func reserve(_ additional: Int) {
        guard count + additional > capacity else { return }
        capacity = max(count + additional, 2 * capacity, 64)
        layers = layers.map { old in
            let new = KeyValueRows(
                key: Matrix(rows: capacity, columns: columns), value: Matrix(rows: capacity, columns: columns)
            )
            copy(output: new.key.rows(0..<count), from: old.key.rows(0..<count))
            copy(output: new.value.rows(0..<count), from: old.value.rows(0..<count))
            return new
        }
    }

    /// The rows of block `index` with those of `additional` new tokens, which its attention fills in.
    func rows(layer index: Int, additional: Int) -> KeyValueRows {
        layers[index].rows(0..<count + additional)
    }

    /// Counts `additional` tokens as held, once every block has filled in theirs.
    func advance(by additional: Int) { count += additional }
}
