/// Names, shapes and places of the trainable tensors in one flat Float32 vector.
///
/// Gradients, optimizer moments, reduction, clipping and checkpoints all use the same layout, so each of them
/// is a loop over one flat buffer. The order is the model's forward order and never depends on the cluster.
public struct ParameterLayout: Sendable, Equatable, Codable {
    /// One tensor.
    public struct Entry: Sendable, Equatable, Codable {
        /// The name on disk, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
        public let name: String
        /// Dimensions, outermost first; LoRA A is [r, in], B is [out, r].
        public let shape: [Int]
        /// First element in the flat vector.
        public let offset: Int
        /// Product of `shape`.
        public var count: Int { shape.reduce(1, *) }
        /// The elements it occupies in the flat vector.
        public var range: Range<Int> { offset..<offset + count }
    }

    public private(set) var entries: [Entry] = []
    /// Elements in the flat vector.
    public private(set) var count = 0

    public init() {}

    /// Appends a tensor behind the others and returns its place.
    @discardableResult
    public mutating func append(name: String, shape: [Int]) -> Entry {
        let entry = Entry(name: name, shape: shape, offset: count)
        entries.append(entry)
        count += entry.count
        return entry
    }

    /// The entry called `name`, if there is one.
    public func entry(named name: String) -> Entry? { entries.first { $0.name == name } }
}
