import Training

/// The adapters of a conversation and the one that answers: each has a text stream of its own, made when it first
/// answers, so that changing over costs nothing and what one has read stays known to it.
final class AdapterSwitch {
    let adapters: AdapterSet
    private let threadCount: Int
    private var streams: [String?: TextStream] = [:]
    /// The adapter in use; nil for the base alone.
    private(set) var name: String?

    init(adapters: AdapterSet, name: String?, threadCount: Int) throws {
        self.adapters = adapters
        self.name = name
        self.threadCount = threadCount
        _ = try adapters.model(named: name)
    }

    /// The names that may be chosen.
    var choices: [String] { adapters.names + ["none"] }

    /// Uses the adapter called `text`, or none.
    ///
    /// - Throws: `TrainingError` that lists the names.
    func use(_ text: String) throws {
        let name = text == "none" ? nil : text
        _ = try adapters.model(named: name)
        self.name = name
    }

    /// The model in use.
    func model() throws -> InferenceModel { try adapters.model(named: name) }

    /// The stream of the model in use.
    func stream() throws -> TextStream {
        if let stream = streams[name] { return stream }
        let stream = try model().makeTextStream(threadCount: threadCount)
        streams[name] = stream
        return stream
    }
}
