import Bases
import DurableFiles
import Foundation
import Logging
import Tensors
import WeightFiles

/// The path of a golden file of these tests.
func fixture(_ name: String, source: String = #filePath) -> String {
    let tests = URL(fileURLWithPath: source).deletingLastPathComponent().deletingLastPathComponent()
    return tests.appendingPathComponent("Fixtures/bases/" + name).path
}

/// A directory with a cache of its own that lives as long as the object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shoal-bases-" + UUID().uuidString
        try AtomicDirectory.createDirectory(path)
    }

    deinit { try? AtomicDirectory.remove(path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// A cache inside the directory.
    var cache: CacheStore { CacheStore(root: path + "/cache") }

    /// A Hugging Face directory with these tensors, returned by its path.
    func makeModel(
        _ name: String = "model", configuration: String, tensors: [SafetensorsWriter.Tensor]
    ) throws -> String {
        let model = file(name)
        try AtomicDirectory.createDirectory(model)
        try AtomicFile.write(configuration, to: model + "/config.json")
        try AtomicFile.write("{}", to: model + "/tokenizer.json")
        try SafetensorsWriter.write(tensors, to: model + "/model.safetensors")
        return model
    }
}

func values(_ base: Base, _ name: String) throws -> [Float] {
    try base.tensor(named: name, shape: base.shape(ofTensor: name) ?? []).toArray()
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
