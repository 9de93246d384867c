import Adapters
import Bases
import Configurations
import DurableFiles
import Foundation
import Layers
import Tensors
import Testing
import Training
import Transformers
import WeightFiles

@Suite struct AdapterSetTests {
    /// Writes an adapter with random values for the tiny base and returns its folder.
    private static func adapter(
        _ name: String, in folder: URL, on base: LoadedBase, change: (inout LoRAConfiguration) -> Void
    ) throws -> String {
        var configuration = LoRAConfiguration()
        configuration.initialWeights = .randomB
        change(&configuration)
        let adapted = try AdaptedModel(
            adapter: configuration, configuration: base.configuration, weights: base.base)
        let parameters = try LoRAInitialization.parameters(
            adapted.placement, configuration: configuration, layout: adapted.layout,
            seed: UInt64(name.utf8.count))
        // Values of their own for what is trained beside A and B.
        for entry in adapted.layout.entries
        where !entry.name.contains(".lora_A.") && !entry.name.contains(".lora_B.")
            && !entry.name.contains(".lora_embedding_")
        {
            for index in entry.range { parameters[index] = 0.9 + Float(index % 7) / 29 }
        }
        let path = folder.appending(path: name)
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        try PEFTDirectory.write(
            configuration: adapted.adapter, layout: adapted.layout, parameters: parameters,
            provenance: AdapterProvenance(baseDigest: base.base.digest), to: path.path)
        return path.path
    }

    private static func logits(_ model: InferenceModel) throws -> [Float] {
        try logits(of: model.model, parameters: model.parameters)
    }

    /// The logits behind a few tokens.
    private static func logits(of model: any TransformerModel, parameters: Vector) throws -> [Float] {
        func run(_ model: some GenerativeModel) throws -> [Float] {
            let logits = Vector(zeros: model.vocabularySize)
            try model.logits(
                following: [5, 80, 17, 33, 200], cache: model.makeCache(), parameters: parameters,
                workspace: model.makeGenerationWorkspace(threadCount: 1), into: logits)
            return logits.toArray()
        }
        let generative = try #require(model as? any GenerativeModel)
        return try run(generative)
    }

    private struct Fixture {
        let folder: URL
        let base: LoadedBase
        let paths: [String]

        init() async throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "adapters-\(UUID().uuidString)")
            base = try await LoadedBase(
                reference: TrainingFixture.fixtures + "/tiny-base", logger: TrainingFixture.logger)
            paths = [
                try AdapterSetTests.adapter("a", in: folder, on: base) {
                    $0.loraRank = 4
                    $0.loraAlpha = 8
                },
                try AdapterSetTests.adapter("bb", in: folder, on: base) {
                    $0.loraRank = 2
                    $0.loraAlpha = 3
                    $0.usesRSLoRA = true
                    $0.targets = .names(["q_proj", "down_proj"])
                    $0.rankPattern = [.init(pattern: "layers\\.1\\..*down_proj", value: 5)]
                },
            ]
        }

        func remove() { try? FileManager.default.removeItem(at: folder) }
    }

    private static func largestDifference(_ one: [Float], _ other: [Float]) -> Float {
        zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test("adapters added with weights compute the base plus the sum of their scaled changes")
    func weightedSum() async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let references = ["a=\(fixture.paths[0]):0.7", "\(fixture.paths[1]):-0.3"]
        let set = try AdapterSet(
            base: fixture.base, adapters: try references.map { try AdapterReference($0) })
        #expect(set.names == ["a", "bb", "all"] && set.initialName == "all")
        let sum = try Self.logits(try set.model(named: "all"))

        // The same from weights that were changed by each adapter in turn.
        var changed: [String: Matrix] = [:]
        for (path, weight) in zip(fixture.paths, [0.7, -0.3] as [Float]) {
            let (adapted, parameters) = try AdaptedModel.open(
                path, on: fixture.base, allowsDifferentBase: false)
            let factors = LoRAFactors(adapted.placement, layout: adapted.layout, parameters: parameters)
            for part in factors.parts {
                let shape = [part.module.outputCount, part.module.inputCount]
                let name = part.module.name + ".weight"
                let matrix =
                    try changed[name]
                    ?? Vector(fixture.base.base.tensor(named: name, shape: shape).toArray())
                    .matrix(rows: shape[0], columns: shape[1])
                let delta = Matrix(rows: shape[0], columns: shape[1])
                part.apply(to: delta)
                for row in 0..<shape[0] {
                    for column in 0..<shape[1] { matrix.row(row)[column] += weight * delta.row(row)[column] }
                }
                changed[name] = matrix
            }
        }
        let merged = try fixture.base.configuration.makeModel(
            weights: ChangedWeights(base: fixture.base.base, changed: changed), trained: .none)
        let expected = try Self.logits(of: merged, parameters: Vector(zeros: 0))
        #expect(Self.largestDifference(sum, expected) < 1e-4)
        let bare = try Self.logits(try set.model(named: nil))
        #expect(Self.largestDifference(sum, bare) > 0.05)
    }

    @Test("each name answers as its adapter alone, none as the base, and choosing takes no time")
    func switching() async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let set = try AdapterSet(
            base: fixture.base, adapters: try fixture.paths.map { try AdapterReference($0) })
        #expect(set.names == ["a", "bb"] && set.initialName == "a")
        let before = try fixture.base.base.tensorNames.map { name in
            try fixture.base.base.tensor(
                named: name, shape: try #require(fixture.base.base.shape(ofTensor: name))
            ).toArray()
        }
        for (name, path) in [("a", fixture.paths[0]), ("bb", fixture.paths[1]), (nil, nil)] {
            var chosen: InferenceModel?
            let time = try ContinuousClock().measure { chosen = try set.model(named: name) }
            #expect(time < .milliseconds(10))
            let alone = try InferenceModel(base: fixture.base, adapter: path)
            #expect(try Self.logits(try #require(chosen)) == Self.logits(alone))
        }
        let after = try fixture.base.base.tensorNames.map { name in
            try fixture.base.base.tensor(
                named: name, shape: try #require(fixture.base.base.shape(ofTensor: name))
            ).toArray()
        }
        #expect(before == after)
        let error = #expect(throws: TrainingError.self) { try set.model(named: "c") }
        #expect(error?.message.contains("a, bb, none") == true)
    }

    @Test("an exported adapter is llama.cpp's: names, shapes, one alpha, rows of Q and K in pairs")
    func export() async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let file = fixture.folder.appending(path: "b.gguf").path
        let summary = try await AdapterExport.write(
            adapter: fixture.paths[1], base: TrainingFixture.fixtures + "/tiny-base", to: file,
            logger: TrainingFixture.logger)
        #expect(summary.modules == 4)
        let gguf = try GGUFFile(path: file)
        #expect(gguf.metadata["general.type"]?.string == "adapter" && gguf.architecture == "llama")
        let alpha = try #require(gguf.metadata["adapter.lora.alpha"]?.number)
        let (adapted, parameters) = try AdaptedModel.open(
            fixture.paths[1], on: fixture.base, allowsDifferentBase: false)
        let factors = LoRAFactors(adapted.placement, layout: adapted.layout, parameters: parameters)
        for part in factors.parts {
            let words = part.module.name.split(separator: ".")
            let kind = ["q_proj": "attn_q", "down_proj": "ffn_down"][String(words[4])] ?? ""
            let name = "blk.\(words[2]).\(kind).weight"
            let (a, b) = (
                try gguf.requireTensor(named: name + ".lora_a"),
                try gguf.requireTensor(named: name + ".lora_b")
            )
            #expect(a.shape == [part.loraRank, part.module.inputCount])
            #expect(b.shape == [part.module.outputCount, part.loraRank])
            #expect(Vector(try gguf.floats(of: a)).toArray() == part.loraA.toArray())
            let stored = Vector(try gguf.floats(of: b)).matrix(rows: b.shape[0], columns: b.shape[1])
            let scaling = Float(alpha) / Float(part.loraRank)
            // Row 2·i + j of a head is Hugging Face's row j·D/2 + i; the tiny base has 8 rows a head.
            for row in 0..<b.shape[0] {
                let source = kind == "attn_q" ? row / 8 * 8 + row % 2 * 4 + row % 8 / 2 : row
                for column in 0..<part.loraRank {
                    let found = scaling * stored.row(row)[column]
                    let wanted = part.loraScaling * part.loraB.row(source)[column]
                    #expect(abs(found - wanted) <= 1e-6 * abs(wanted))
                }
            }
        }
        #expect(try Inspection(path: file).kind == "LoRA adapter (GGUF)")
    }

    @Test(
        "what cannot be added to another adapter, or go to llama.cpp, is refused by name",
        arguments: ["use_dora", "modules_to_save"])
    func unaddable(feature: String) async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let path = try Self.adapter("c", in: fixture.folder, on: fixture.base) {
            $0.targets = .names(["q_proj"])
            if feature == "use_dora" { $0.usesDoRA = true } else { $0.modulesToSave = ["q_proj", "norm"] }
            if feature != "use_dora" { $0.targets = .names(["v_proj"]) }
        }
        let references = try [fixture.paths[0], path].map { try AdapterReference($0) }
        #expect(try AdapterSet(base: fixture.base, adapters: references).names == ["a", "c"])
        let weighted = try [fixture.paths[0] + ":0.5", path].map { try AdapterReference($0) }
        let sum = #expect(throws: TrainingError.self) {
            try AdapterSet(base: fixture.base, adapters: weighted)
        }
        #expect(sum?.message.contains(feature) == true && sum?.message.contains("'c'") == true)
        let base = TrainingFixture.fixtures + "/tiny-base"
        let merged = await #expect(throws: AdapterError.self) {
            try await AdapterMerge.write(
                base: base, adapters: references, to: fixture.folder.appending(path: "m").path,
                logger: TrainingFixture.logger)
        }
        #expect(merged?.message.contains("q_proj") == true)
        let exported = await #expect(throws: AdapterError.self) {
            try await AdapterExport.write(
                adapter: path, base: base, to: fixture.folder.appending(path: "x.gguf").path,
                logger: TrainingFixture.logger)
        }
        #expect(exported?.message.contains(feature) == true)
    }

    @Test(
        "a merged model answers as its base with the adapter, also where that parts a tied head from the embedding",
        arguments: ["dora", "head", "embedding", "adapted head", "adapted embedding"])
    func merged(variant: String) async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let path = try Self.adapter("c", in: fixture.folder, on: fixture.base) {
            $0.targets = .names(["q_proj", "down_proj"])
            if variant == "adapted head" { $0.targets = .names(["lm_head"]) }
            if variant == "adapted embedding" { $0.targets = .names(["embed_tokens", "lm_head"]) }
            $0.usesDoRA = variant == "dora" || variant == "adapted embedding"
            if variant == "head" { $0.modulesToSave = ["lm_head"] }
            if variant == "embedding" { $0.modulesToSave = ["embed_tokens", "norm"] }
        }
        let folder = fixture.folder.appending(path: "merged").path
        let summary = try await AdapterMerge.write(
            base: TrainingFixture.fixtures + "/tiny-base", adapters: [try AdapterReference(path)], to: folder,
            logger: TrainingFixture.logger)
        #expect(
            summary.modules
                == ["dora": 4, "head": 5, "embedding": 10, "adapted head": 1, "adapted embedding": 2][variant]
        )
        let model = try await LoadedBase(reference: folder, logger: TrainingFixture.logger)
        #expect((model.configuration.tiedHead == nil) == (variant != "dora"))
        let expected = try Self.logits(InferenceModel(base: fixture.base, adapter: path))
        #expect(
            try Self.largestDifference(Self.logits(InferenceModel(base: model, adapter: nil)), expected)
                < 1e-4)
        #expect(
            try Self.largestDifference(
                Self.logits(InferenceModel(base: fixture.base, adapter: nil)), expected)
                > 0.05)
        if variant != "dora" {
            let properties = try Inspection(path: path).properties.map(\.name)
            #expect(properties.contains("modules to save") == (!variant.hasPrefix("adapted")))
        }
    }

    @Test("an adapter of a tied head cannot be exported, and is named")
    func tiedHead() async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let path = try Self.adapter("head", in: fixture.folder, on: fixture.base) {
            $0.targets = .names(["lm_head"])
        }
        let error = await #expect(throws: AdapterError.self) {
            try await AdapterExport.write(
                adapter: path, base: TrainingFixture.fixtures + "/tiny-base",
                to: fixture.folder.appending(path: "x.gguf").path, logger: TrainingFixture.logger)
        }
        #expect(error?.message.contains("lm_head") == true)
    }

    @Test(
        "a reference is a name, a folder and a weight",
        arguments: [
            ("runs/a/adapter", "adapter", "runs/a/adapter", nil), ("x=runs/a", "x", "runs/a", nil),
            ("x=runs/a:0.5", "x", "runs/a", 0.5), ("runs/a:-1", "a", "runs/a", -1),
            ("./a=b/c:2", "c", "./a=b/c", 2),
        ] as [(String, String, String, Float?)])
    func references(text: String, name: String, path: String, weight: Float?) throws {
        let reference = try AdapterReference(text)
        #expect(reference.name == name && reference.path == path && reference.weight == weight)
    }

    @Test(
        "a reference that cannot be is refused",
        arguments: ["a=", ":1", "a b=c", "x=c:much", "all=c", "none=c", ""])
    func wrongReferences(text: String) {
        #expect(throws: TrainingError.self) { try AdapterReference(text) }
    }

    @Test("two adapters of one name are refused")
    func sameNames() async throws {
        let fixture = try await Fixture()
        defer { fixture.remove() }
        let error = #expect(throws: TrainingError.self) {
            try AdapterSet(
                base: fixture.base,
                adapters: [
                    try AdapterReference("x=\(fixture.paths[0])"),
                    try AdapterReference("x=\(fixture.paths[1])"),
                ])
        }
        #expect(error?.message.contains("'x'") == true)
    }
}

/// A base some of whose matrices were changed.
private struct ChangedWeights: WeightSource {
    let base: any WeightSource
    let changed: [String: Matrix]

    func hasTensor(named name: String) -> Bool { base.hasTensor(named: name) }

    func tensor(named name: String, shape: [Int]) throws -> Vector {
        guard let matrix = changed[name] else { return try base.tensor(named: name, shape: shape) }
        return Vector(matrix.toArray())
    }
}
