import Adapters
import Foundation
import Layers
import Tensors

/// The folder `Tests/Fixtures`.
let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

/// `peft/placements.json`: the linear modules of a tiny Llama, and what PEFT adapts under some configurations.
struct PlacementGolden: Decodable {
    struct Module: Decodable {
        let name: String
        let inputCount: Int
        let outputCount: Int
        let isOutputHead: Bool
    }
    struct Adapted: Decodable, Equatable {
        let name: String
        let r: Int
        let scaling: Double
    }
    struct Case: Decodable {
        let configuration: String
        let adapted: [Adapted]
    }
    let modules: [Module]
    let cases: [Case]

    static func load() throws -> PlacementGolden {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            PlacementGolden.self, from: Data(contentsOf: fixtures.appending(path: "peft/placements.json")))
    }

    /// The modules as a model lists them.
    var linearModules: [LinearModule] {
        modules.enumerated().map { index, module in
            LinearModule(
                name: module.name, inputCount: module.inputCount, outputCount: module.outputCount,
                index: index,
                isOutputHead: module.isOutputHead)
        }
    }
}

/// The trainable tensors of a model built with `placement`.
func layout(of placement: AdapterPlacement) -> ParameterLayout {
    var layout = ParameterLayout()
    for placed in placement.modules {
        _ = placed.settings.makeAdapter(for: placed.module, layout: &layout)
    }
    return layout
}

/// Makes an empty directory, removed when `body` returns.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "shoal-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path())
}
