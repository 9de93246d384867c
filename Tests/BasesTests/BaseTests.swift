import Bases
import DurableFiles
import Foundation
import Hub
import Tensors
import Testing
import WeightFiles

@Suite struct BaseTests {
    private let configuration =
        #"{"model_type": "llama", "hidden_size": 2, "rms_norm_eps": 1e-05, "x": null}"#
    private let tensors: [SafetensorsWriter.Tensor] = [
        .init(name: "model.norm.weight", shape: [2], values: Vector([1, 2])),
        .init(name: "model.embed_tokens.weight", shape: [3, 2], values: Vector([1, 2, 3, 4, 5, 6])),
    ]

    /// A model directory whose tensors have another element type; `bits` gives an element's bytes.
    private func makeModel(
        _ directory: TemporaryDirectory, _ name: String, _ type: ElementType, bits: (Float) -> [UInt8]
    ) throws -> String {
        let path = try directory.makeModel(name, configuration: configuration, tensors: tensors)
        let layout = try SafetensorsLayout(
            tensors.map { .init(name: $0.name, elementType: type, shape: $0.shape) })
        try SafetensorsWriter.write(layout, to: path + "/model.safetensors") { entry, writer in
            let tensor = tensors.first { $0.name == entry.name }
            try writer.write((tensor?.values.toArray() ?? []).flatMap(bits))
        }
        return path
    }

    private func littleEndian(_ value: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)]
    }

    @Test func float32IsMappedWhereItLies() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.makeModel(configuration: configuration, tensors: tensors)
        let base = try Base(path: path, cache: directory.cache, logger: quiet)
        #expect(base.mappedFiles == [path + "/model.safetensors"])
        #expect(try values(base, "model.embed_tokens.weight") == [1, 2, 3, 4, 5, 6])
        #expect(base.parameterCount == 8)
        #expect(base.configuration == Data(configuration.utf8))
        #expect(try directory.cache.list().isEmpty)
        #expect(
            base.sourceFiles.map { URL(fileURLWithPath: $0).lastPathComponent }
                == ["config.json", "tokenizer.json", "model.safetensors"])
    }

    @Test func sixteenBitWeightsAreExpandedOnceAndHaveTheDigestOfTheirValues() throws {
        let directory = try TemporaryDirectory()
        let plain = try Base(
            path: directory.makeModel(configuration: configuration, tensors: tensors), cache: directory.cache,
            logger: quiet)
        let brain = try makeModel(directory, "bf16", .bfloat16) { littleEndian(UInt16($0.bitPattern >> 16)) }
        let first = try Base(path: brain, cache: directory.cache, logger: quiet)
        #expect(try values(first, "model.embed_tokens.weight") == [1, 2, 3, 4, 5, 6])
        #expect(first.mappedFiles.first?.hasPrefix(directory.cache.root) == true)
        #expect(first.digest == plain.digest)
        let entry = try #require(try directory.cache.list().first)
        #expect(entry.source == brain)
        let identity = try FileManager.default.attributesOfItem(atPath: entry.path)[.systemFileNumber] as? Int
        let second = try Base(path: brain, cache: directory.cache, logger: quiet)
        #expect(second.digest == first.digest && second.mappedFiles == first.mappedFiles)
        let still = try FileManager.default.attributesOfItem(atPath: entry.path)[.systemFileNumber] as? Int
        #expect(identity != nil && identity == still)
        #expect(try directory.cache.list().count == 1)
    }

    @Test func theDigestIsThatOfTheContentNotOfThePlace() throws {
        let directory = try TemporaryDirectory()
        func digest(_ name: String, _ configuration: String, _ tensors: [SafetensorsWriter.Tensor]) throws
            -> Digest
        {
            let path = try directory.makeModel(name, configuration: configuration, tensors: tensors)
            return try Base(path: path, cache: directory.cache, logger: quiet).digest
        }
        let original = try digest("a", configuration, tensors)
        #expect(try digest("b", configuration, tensors.reversed()) == original)
        let respelled =
            #"{"rms_norm_eps": 9.999999747378752e-06, "hidden_size": 2.0, "model_type": "llama", "_name": "x"}"#
        #expect(try digest("c", respelled, tensors) == original)
        let otherBase = configuration.replacingOccurrences(of: "1e-05", with: "1e-06")
        #expect(try digest("d", otherBase, tensors) != original)
        var changed = tensors
        changed[0] = .init(name: "model.norm.weight", shape: [2], values: Vector([1, 2.0000002]))
        #expect(try digest("e", configuration, changed) != original)
        changed[0] = .init(name: "model.norm.weight", shape: [2, 1], values: Vector([1, 2]))
        #expect(try digest("f", configuration, changed) != original)
    }

    @Test func aFileWrittenSinceHasAnotherDigest() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.makeModel(configuration: configuration, tensors: tensors)
        let weights = path + "/model.safetensors"
        let old = Date(timeIntervalSinceNow: -1000)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: weights)
        let before = try Base(path: path, cache: directory.cache, logger: quiet).digest
        let records = try FileManager.default.contentsOfDirectory(atPath: directory.cache.root + "/digests")
        #expect(records.count == 1)
        #expect(try Base(path: path, cache: directory.cache, logger: quiet).digest == before)
        // Same length, same time: a new file is known by its inode.
        var changed = tensors
        changed[0] = .init(name: "model.norm.weight", shape: [2], values: Vector([3, 4]))
        try SafetensorsWriter.write(changed, to: weights)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: weights)
        #expect(try Base(path: path, cache: directory.cache, logger: quiet).digest != before)
    }

    @Test func damagedCacheEntriesAreMadeAgain() throws {
        let directory = try TemporaryDirectory()
        let path = try makeModel(directory, "f16", .float16) { littleEndian(Float16($0).bitPattern) }
        let digest = try Base(path: path, cache: directory.cache, logger: quiet).digest
        let entry = try #require(try directory.cache.list().first)
        try AtomicFile.write("garbage", to: entry.path)
        try AtomicFile.write("partial", to: entry.path + ".1-2.tmp")
        let again = try Base(path: path, cache: directory.cache, logger: quiet)
        #expect(again.digest == digest)
        #expect(try values(again, "model.norm.weight") == [1, 2])
        #expect(!FileManager.default.fileExists(atPath: entry.path + ".1-2.tmp"))
    }

    @Test func severalProcessesAtOnceMakeOneExpansion() async throws {
        let directory = try TemporaryDirectory()
        let path = try makeModel(directory, "f16", .float16) { littleEndian(Float16($0).bitPattern) }
        let cache = directory.cache
        let digests = try await withThrowingTaskGroup(of: Digest.self) { group in
            for _ in 0..<4 { group.addTask { try Base(path: path, cache: cache, logger: quiet).digest } }
            return try await group.reduce(into: Set<Digest>()) { $0.insert($1) }
        }
        #expect(digests.count == 1)
        #expect(try cache.list().count == 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: cache.root + "/bases")
        #expect(names.count == 2, "\(names)")
    }

    @Test func aWeightFileTruncatedInUseIsAnError() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.makeModel(configuration: configuration, tensors: tensors)
        let base = try Base(path: path, cache: directory.cache, logger: quiet)
        try base.checkIntact()
        try FileHandle(forWritingTo: URL(fileURLWithPath: path + "/model.safetensors")).truncate(atOffset: 10)
        let error = #expect(throws: WeightFileError.self) { try base.checkIntact() }
        #expect(error?.code == .changed)
    }

    @Test func anotherShapeThanTheConfigurationSaysIsNamed() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.makeModel(configuration: configuration, tensors: tensors)
        let base = try Base(path: path, cache: directory.cache, logger: quiet)
        let shape = #expect(throws: WeightFileError.self) {
            try base.tensor(named: "model.norm.weight", shape: [4])
        }
        #expect(
            shape?.message.contains("'model.norm.weight': has shape [2], the configuration says [4]") == true)
        let missing = #expect(throws: WeightFileError.self) {
            try base.tensor(named: "lm_head.weight", shape: [3, 2])
        }
        #expect(missing?.code == .missingTensor)
    }

    @Test func whatIsNoModelIsToldApart() throws {
        let directory = try TemporaryDirectory()
        func error(_ path: String) -> BaseError? {
            #expect(throws: BaseError.self) { try Base(path: path, cache: directory.cache, logger: quiet) }
        }
        #expect(error(directory.file("none"))?.code == .notFound)
        #expect(error(directory.path)?.message.contains("no config.json") == true)
        try AtomicFile.write("text", to: directory.file("notes.txt"))
        #expect(error(directory.file("notes.txt"))?.code == .invalid)
        try AtomicFile.write("x", to: directory.file("pytorch_model.bin"))
        try AtomicFile.write("{}", to: directory.file("config.json"))
        #expect(error(directory.path)?.message.contains("pytorch_model.bin") == true)
        try AtomicFile.write("[1]", to: directory.file("config.json"))
        #expect(error(directory.path)?.code == .invalid)
    }

    @Test func aReferenceIsAPathOrAHubId() async throws {
        let directory = try TemporaryDirectory()
        let cache = directory.cache
        // A snapshot as the Hub's own tools leave it: no network is asked.
        let commit = String(repeating: "a", count: 40)
        let repository = "hub/models--org--model"
        try AtomicDirectory.createDirectory(directory.file(repository + "/snapshots"))
        let path = try directory.makeModel(
            repository + "/snapshots/" + commit, configuration: configuration, tensors: tensors)
        try AtomicDirectory.createDirectory(directory.file(repository + "/refs"))
        try AtomicFile.write(commit, to: directory.file(repository + "/refs/main"))
        var hub = HubConfiguration(cacheDirectory: directory.file("hub"))
        hub.isOffline = true
        let fromHub = try await Base.open("org/model", cache: cache, hub: hub, logger: quiet)
        #expect(fromHub.reference == "org/model" && fromHub.path == path)
        let fromPath = try await Base.open(path, cache: cache, hub: hub, logger: quiet)
        #expect(fromPath.digest == fromHub.digest && fromPath.tokenizerDigest == fromHub.tokenizerDigest)
        let absent = await #expect(throws: HubError.self) {
            try await Base.open("org/other", cache: cache, hub: hub)
        }
        #expect(absent?.code == .offline)
        let wrong = await #expect(throws: BaseError.self) {
            try await Base.open("./none/x", cache: cache, hub: hub)
        }
        #expect(wrong?.code == .notFound)
    }
}
