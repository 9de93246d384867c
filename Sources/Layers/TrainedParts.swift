/// What of a model is trained: adapters on its linear maps, tensors of the base, or nothing.
public struct TrainedParts: Sendable {
    /// By the name of the module each adapts.
    public var adapters: [String: any LinearAdapterSettings]
    /// Hugging Face's names of the base's tensors that are trained themselves.
    public var tensors: Set<String>

    /// Nothing is trained.
    public static let none = TrainedParts()

    public init(adapters: [String: any LinearAdapterSettings] = [:], tensors: Set<String> = []) {
        self.adapters = adapters
        self.tensors = tensors
    }
}
