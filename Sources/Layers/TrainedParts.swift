/// What of a model is trained: adapters on its linear maps, tensors of the base, or nothing.
public struct TrainedParts: Sendable {
    /// By the name of the module each adapts.
    public var adapters: [String: any LinearAdapterSettings]
    /// The tensors of the base that are trained themselves: by Hugging Face's name, the one each has on disk.
    public var tensors: [String: String]
    /// Whether the trained tensors are copies beside the base: a head that is tied to the embedding then stays the base's
    /// own where the embedding is trained, and may be trained where the embedding is not.
    public var unties: Bool

    /// Nothing is trained.
    public static let none = TrainedParts()

    /// Adapters, or tensors of the base in place of its own, under the same names.
    public init(adapters: [String: any LinearAdapterSettings] = [:], tensors: Set<String> = []) {
        self.adapters = adapters
        self.tensors = Dictionary(uniqueKeysWithValues: tensors.map { ($0, $0) })
        unties = false
    }

    /// Adapters with copies of tensors of the base beside them.
    ///
    /// - Parameter copies: by the tensor's name in the base, that of its copy on disk.
    public init(adapters: [String: any LinearAdapterSettings], copies: [String: String]) {
        self.adapters = adapters
        tensors = copies
        unties = true
    }
}
