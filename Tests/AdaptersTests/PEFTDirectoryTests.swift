import Adapters
import DurableFiles
import Foundation
import Layers
import Tensors
import Testing
import WeightFiles

@Suite("PEFT directory")
struct PEFTDirectoryTests {
    private let saved = fixtures.appending(path: "peft/saved").path()

    private func placementOfSaved() throws -> (PEFTDirectory, AdapterPlacement) {
        let directory = try PEFTDirectory(path: saved)
        let modules = try PlacementGolden.load().linearModules
        return (directory, try AdapterPlacement(directory.configuration, modules: modules))
    }

    @Test("a directory PEFT saved is placed and read, and written again with the same tensors")
    func readsAndWritesPEFTs() throws {
        let (directory, placement) = try placementOfSaved()
        let layout = layout(of: placement)
        #expect(layout.entries.count == 8)
        let parameters = try directory.parameters(for: layout)
        #expect(parameters.toArray().allSatisfy { $0 != 0 })
        try withTemporaryDirectory { path in
            try PEFTDirectory.write(
                configuration: directory.configuration, layout: layout, parameters: parameters,
                provenance: AdapterProvenance(), to: path)
            // PEFT sorts the tensors by name and writes the same metadata, so even the bytes are equal.
            let ours = try Data(contentsOf: URL(filePath: path + "/adapter_model.safetensors"))
            let theirs = try Data(contentsOf: URL(filePath: saved + "/adapter_model.safetensors"))
            #expect(ours == theirs)
            let again = try PEFTDirectory(path: path)
            #expect(again.configuration == directory.configuration)
        }
    }

    @Test("what is written does not depend on when, and records its base")
    func recordsItsBase() throws {
        let modules = try PlacementGolden.load().linearModules
        let plain = LoRAConfiguration()
        let placement = try AdapterPlacement(plain, modules: modules)
        let configuration = placement.spelledOut(plain, modules: modules)
        let layout = layout(of: placement)
        var random = plain
        random.initialWeights = .randomB
        let parameters = try LoRAInitialization.parameters(
            placement, configuration: random, layout: layout, seed: 1)
        let base = Digest.sha256("a base")
        let other = Digest.sha256("another base")
        let provenance = AdapterProvenance(baseDigest: base, acceptedBaseDigest: other)
        try withTemporaryDirectory { temporary in
            // Kept for check_adapter_in_peft.py when its environment variable says where.
            let kept = ProcessInfo.processInfo.environment["SHOAL_KEEP_ADAPTER"]
            let path = kept ?? temporary
            try AtomicDirectory.createDirectory(path)
            try PEFTDirectory.write(
                configuration: configuration, layout: layout, parameters: parameters, provenance: provenance,
                to: path)
            let first = try Data(contentsOf: URL(filePath: path + "/adapter_model.safetensors"))
            try PEFTDirectory.write(
                configuration: configuration, layout: layout, parameters: parameters, provenance: provenance,
                to: path)
            #expect(try Data(contentsOf: URL(filePath: path + "/adapter_model.safetensors")) == first)

            let read = try PEFTDirectory(path: path)
            #expect(read.provenance == provenance)
            #expect(try read.parameters(for: layout).toArray() == parameters.toArray())
            #expect(
                try read.provenance.check(against: base, adapter: path, allowsDifferentBase: false) == .same)
            let error = #expect(throws: AdapterError.self) {
                try read.provenance.check(against: other, adapter: path, allowsDifferentBase: false)
            }
            #expect(error?.code == .differentBase)
            #expect(
                try read.provenance.check(against: other, adapter: path, allowsDifferentBase: true)
                    == .acceptedDifference(recorded: base))
        }
        #expect(
            try PEFTDirectory(path: saved).provenance.check(
                against: base, adapter: saved, allowsDifferentBase: false) == .unrecorded)
    }

    @Test("a tensor too many, missing, of another shape or not finite is named")
    func differentTensorsAreNamed() throws {
        let (directory, placement) = try placementOfSaved()
        let first = placement.modules[0]
        var fewer = ParameterLayout()
        _ = first.settings.makeAdapter(for: first.module, layout: &fewer)
        var more = layout(of: placement)
        more.append(name: "base_model.model.lm_head.lora_A.weight", shape: [3, 16])
        var wider = ParameterLayout()
        for entry in layout(of: placement).entries {
            wider.append(name: entry.name, shape: entry.shape.map { $0 == 3 ? 4 : $0 })
        }
        for (layout, word) in [(fewer, "is in the file"), (more, "is missing"), (wider, "has shape")] {
            let error = #expect(throws: AdapterError.self) { try directory.parameters(for: layout) }
            #expect(error?.code == .differentTensors)
            #expect(error?.message.contains(word) == true)
        }
        // More memory than there is, if it were taken.
        var vast = ParameterLayout()
        for entry in layout(of: placement).entries {
            vast.append(name: entry.name, shape: [1 << 16, 1 << 40])
        }
        let error = #expect(throws: AdapterError.self) { try directory.parameters(for: vast) }
        #expect(error?.message.contains("has shape") == true)
        let whole = layout(of: placement)
        let parameters = try directory.parameters(for: whole)
        parameters[17] = .nan
        try withTemporaryDirectory { path in
            try PEFTDirectory.write(
                configuration: directory.configuration, layout: whole, parameters: parameters,
                provenance: AdapterProvenance(), to: path)
            let damaged = try PEFTDirectory(path: path)
            let error = #expect(throws: AdapterError.self) { try damaged.parameters(for: whole) }
            #expect(error?.message.contains("nan") == true)
        }
    }

    @Test("training goes on only from an adapter that is scaled as the run scales it")
    func initialScalingIsCompared() throws {
        let (directory, placement) = try placementOfSaved()
        let modules = try PlacementGolden.load().linearModules
        let layout = layout(of: placement)
        let values = try directory.initialParameters(for: placement, layout: layout, modules: modules)
        #expect(values.toArray() == (try directory.parameters(for: layout)).toArray())
        var other = directory.configuration
        other.alphaPattern = [.init(pattern: "down_proj", value: 9)]
        let different = try AdapterPlacement(other, modules: modules)
        let error = #expect(throws: AdapterError.self) {
            try directory.initialParameters(for: different, layout: layout, modules: modules)
        }
        #expect(error?.context == "model.layers.0.mlp.down_proj")
        #expect(error?.message.contains("3.5") == true)
        #expect(error?.message.contains("4.5") == true)
    }

    @Test("a directory without an adapter is refused by the file that is missing")
    func missingFilesAreNamed() throws {
        try withTemporaryDirectory { path in
            let error = #expect(throws: AdapterError.self) { try PEFTDirectory(path: path) }
            #expect(error?.code == .missingFile)
            #expect(error?.message.contains("adapter_config.json") == true)
            try Data("{}".utf8).write(to: URL(filePath: path + "/adapter_config.json"))
            try Data().write(to: URL(filePath: path + "/adapter_model.bin"))
            let pickled = #expect(throws: AdapterError.self) { try PEFTDirectory(path: path) }
            #expect(pickled?.message.contains("safe_serialization") == true)
        }
    }
}
