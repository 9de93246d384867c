import ArgumentParser
import Logging
import Training

/// Which adapters on a base, and which of them is used.
struct AdapterOptions: ParsableArguments {
    @Option(
        name: .customLong("adapter"),
        help: ArgumentHelp(
            "A PEFT folder, as training leaves it in RUN/adapter; may be repeated. With weights they are added.",
            valueName: "[name=]DIR[:weight]"))
    var adapters: [String] = []

    @Option(help: "The adapter to use: a name, 'none', or 'all' for the weighted sum.")
    var use: String?

    @Flag(help: "Accept an adapter that records another base of equal architecture and shapes.")
    var allowDifferentBase = false

    func validate() throws {
        do {
            _ = try adapters.map { (text) throws(TrainingError) in try AdapterReference(text) }
        } catch {
            throw ValidationError(error.message)
        }
    }

    /// Opens the base with all adapters.
    func open(base: String, logger: Logger) async throws -> AdapterSet {
        try await AdapterSet(
            base: base, adapters: try adapters.map { try AdapterReference($0) },
            allowsDifferentBase: allowDifferentBase, logger: logger)
    }

    /// The name `--use` gives, else the set's own choice; nil for the base alone.
    func chosenName(in set: AdapterSet) -> String? { use.map { $0 == "none" ? nil : $0 } ?? set.initialName }

    /// Opens the base with all adapters and takes the one in use.
    ///
    /// - Throws: `ValidationError` when there are several and none was chosen.
    func model(base: String, logger: Logger) async throws -> InferenceModel {
        let set = try await open(base: base, logger: logger)
        if use == nil, set.names.count > 1, set.initialName != AdapterSet.sumName {
            throw ValidationError(
                "\(set.names.count) adapters and none chosen: --use \(set.names[0]), or weights to add them "
                    + "(--adapter \(set.names[0])=DIR:0.5)")
        }
        return try set.model(named: chosenName(in: set))
    }
}
