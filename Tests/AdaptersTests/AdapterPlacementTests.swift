import Adapters
import Layers
import Testing

@Suite("Adapter placement")
struct AdapterPlacementTests {
    @Test("modules, ranks and scalings are those PEFT chooses")
    func placementsEqualPEFT() throws {
        let golden = try PlacementGolden.load()
        #expect(golden.cases.count == 10)
        for entry in golden.cases {
            let configuration = try LoRAConfiguration(json: Array(entry.configuration.utf8))
            let placement = try AdapterPlacement(
                configuration, modules: golden.linearModules, requiresEveryMatch: false)
            let found = placement.modules.map { ($0.module.name, $0.settings) }
            #expect(found.map(\.0) == entry.adapted.map(\.name), "\(entry.configuration)")
            for (module, expected) in zip(found, entry.adapted) {
                #expect(module.1.loraRank == expected.r, "\(entry.configuration) \(module.0)")
                #expect(abs(Double(module.1.loraScaling) - expected.scaling) <= 1e-6 * expected.scaling)
            }
        }
    }

    @Test("a name that matches nothing is an error that names it and the nearest, even if others match")
    func unmatchedNameIsRefused() throws {
        let modules = try PlacementGolden.load().linearModules
        var configuration = LoRAConfiguration()
        configuration.targets = .names(["q_proj", "vproj"])
        let error = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(error?.code == .noMatch)
        #expect(error?.context == "vproj")
        #expect(error?.message.contains("nearest: v_proj") == true)
    }

    @Test("a name that the chosen layers leave nothing of, a missing layer and an idle pattern are errors")
    func idleSettingsAreRefused() throws {
        let modules = try PlacementGolden.load().linearModules
        var configuration = LoRAConfiguration()
        configuration.targets = .names(["q_proj", "layers.2.mlp.up_proj"])
        configuration.layersToTransform = [0, 1]
        #expect(throws: AdapterError.self) { try AdapterPlacement(configuration, modules: modules) }

        configuration.targets = .names(["q_proj"])
        configuration.layersToTransform = [0, 7]
        let layer = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(layer?.message.contains("layer 7") == true)
        #expect(layer?.message.contains("0 to 2") == true)

        configuration.layersToTransform = nil
        configuration.rankPattern = [.init(pattern: "k_proj", value: 2)]
        let pattern = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(pattern?.context == "k_proj")
    }

    @Test("an expression that matches nothing, or is none, is an error that quotes it")
    func badExpressionsAreRefused() throws {
        let modules = try PlacementGolden.load().linearModules
        var configuration = LoRAConfiguration()
        configuration.targets = .pattern("q_proj")  // the whole name has to match
        let nothing = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(nothing?.code == .noMatch)
        configuration.targets = .pattern("(q_proj")
        let broken = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(broken?.code == .invalidConfiguration)
        #expect(broken?.message.contains("(q_proj") == true)
    }

    @Test("all-linear with layers_to_transform is refused, as PEFT does, and the answer says what to write")
    func allLinearOfSomeLayers() throws {
        let modules = try PlacementGolden.load().linearModules
        var configuration = LoRAConfiguration()
        configuration.layersToTransform = [1]
        let error = #expect(throws: AdapterError.self) {
            try AdapterPlacement(configuration, modules: modules)
        }
        #expect(error?.context == "layers_to_transform")
        let line = "target_modules: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]"
        #expect(error?.message.contains(line) == true)
    }

    @Test("all-linear is spelled out as short names that mean the same modules")
    func allLinearIsSpelledOut() throws {
        let modules = try PlacementGolden.load().linearModules
        let configuration = LoRAConfiguration()
        let placement = try AdapterPlacement(configuration, modules: modules)
        let spelled = placement.spelledOut(configuration, modules: modules)
        #expect(
            spelled.targets
                == .names(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]))
        let again = try AdapterPlacement(spelled, modules: modules)
        #expect(again.modules.map(\.module) == placement.modules.map(\.module))
        #expect(placement.modules.count == 21)

        // Here the short name would mean the head too.
        let ambiguous = [
            LinearModule(name: "block.proj", inputCount: 2, outputCount: 2, index: 0),
            LinearModule(name: "head.proj", inputCount: 2, outputCount: 2, index: 1, isOutputHead: true),
        ]
        let plain = LoRAConfiguration()
        let full = try AdapterPlacement(plain, modules: ambiguous).spelledOut(plain, modules: ambiguous)
        #expect(full.targets == .names(["block.proj"]))
    }
}
