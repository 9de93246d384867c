import Checkpoints
import DurableFiles
import Foundation
import Optimizers
import Tensors
import Testing

@Suite("Checkpoint store")
struct CheckpointStoreTests {
    private let run = TinyRun()

    private func withStore(_ body: (CheckpointStore) throws -> Void) throws {
        try withTemporaryDirectory { path in
            try body(CheckpointStore(directory: path + "/checkpoints", shoalVersion: "1.2.3"))
        }
    }

    @Test("a checkpoint holds the documented files and is read back to the bit")
    func roundTrips() throws {
        try withStore { store in
            let path = try run.save(store, step: 50)
            #expect(path.hasSuffix("/checkpoints/step-000050"))
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            #expect(
                names == [
                    "adapter_config.json", "adapter_model.safetensors", "manifest.json",
                    "optimizer.safetensors",
                    "trainer_state.json",
                ])
            let read = try store.load(path, layout: run.layout)
            #expect(read.state.step == 50)
            #expect(
                read.state.sections.map { $0.toArray() } == run.state(step: 50).sections.map { $0.toArray() })
            #expect(read.trainerState == run.trainerState(step: 50))
            #expect(read.manifest.identity == run.identity)
            #expect(Set(read.manifest.files.keys) == Set(names).subtracting(["manifest.json"]))
        }
    }

    @Test("the same state gives the same bytes")
    func bytesAreReproducible() throws {
        try withStore { store in
            let path = try run.save(store, step: 50)
            let manifest = try Data(contentsOf: URL(filePath: path + "/manifest.json"))
            #expect(try run.save(store, step: 50) == path)
            #expect(try Data(contentsOf: URL(filePath: path + "/manifest.json")) == manifest)
        }
    }

    @Test(
        "a damaged, cut or missing file makes the newest invalid, and the one before is taken",
        arguments: [
            "adapter_config.json", "adapter_model.safetensors", "manifest.json", "optimizer.safetensors",
            "trainer_state.json",
        ], ["flip", "cut", "remove"])
    func damageIsFound(name: String, damage: String) throws {
        try withStore { store in
            try run.save(store, step: 10)
            let newest = try run.save(store, step: 20)
            let file = newest + "/" + name
            switch damage {
            case "flip": try flipBit(file, at: 1)
            case "cut":
                let data = try Data(contentsOf: URL(filePath: file))
                try data.dropLast(1 + data.count / 2).write(to: URL(filePath: file))
            default: try FileManager.default.removeItem(atPath: file)
            }
            let (checkpoint, invalid) = try store.newestValid(layout: run.layout)
            #expect(checkpoint?.state.step == 10)
            #expect(invalid.map(\.path) == [newest])
            #expect(invalid.first?.reason.contains(name) == true, "\(invalid)")
        }
    }

    @Test("a manifest made to fit other tensors is found by the digest of the state")
    func forgedManifestIsFound() throws {
        try withStore { store in
            let first = try run.save(store, step: 10)
            let second = try run.save(store, step: 20)
            // The optimizer of step 10 in the checkpoint of step 20, listed as it is.
            let name = "optimizer.safetensors"
            try FileManager.default.removeItem(atPath: second + "/" + name)
            try FileManager.default.copyItem(atPath: first + "/" + name, toPath: second + "/" + name)
            let manifests = try [first, second].map { path in
                try JSONDecoder().decode(
                    CheckpointManifest.self, from: Data(contentsOf: URL(filePath: path + "/manifest.json")))
            }
            var forged = manifests[1]
            forged.files[name] = manifests[0].files[name]
            try JSONEncoder().encode(forged).write(to: URL(filePath: second + "/manifest.json"))
            let error = #expect(throws: CheckpointError.self) { try store.load(second, layout: run.layout) }
            #expect(error?.code == .invalidCheckpoint)
            #expect(error?.message.contains("digest") == true)
        }
    }

    @Test(
        "names in a manifest cannot lead out of the checkpoint",
        arguments: ["../secret", "/etc/passwd", ".."])
    func manifestCannotEscape(name: String) throws {
        try withStore { store in
            let path = try run.save(store, step: 10)
            let file = URL(filePath: path + "/manifest.json")
            let text = try String(contentsOf: file, encoding: .utf8)
            try Data(text.replacing("\"trainer_state.json\"", with: "\"\(name)\"").utf8).write(to: file)
            let error = #expect(throws: CheckpointError.self) { try store.load(path, layout: run.layout) }
            #expect(error?.message.contains("lists '\(name)'") == true)
        }
    }

    @Test("a checkpoint of another format is refused by both versions' names, not passed over")
    func otherFormatIsRefused() throws {
        try withStore { store in
            try run.save(store, step: 10)
            let path = try run.save(store, step: 20)
            let file = URL(filePath: path + "/manifest.json")
            let text = try String(contentsOf: file, encoding: .utf8)
            let changed = text.replacing("\"format_version\" : 2", with: "\"format_version\" : 9")
                .replacing("1.2.3", with: "7.0.0")
            #expect(changed != text)
            try Data(changed.utf8).write(to: file)
            let error = #expect(throws: CheckpointError.self) { try store.newestValid(layout: run.layout) }
            #expect(error?.code == .unsupportedVersion)
            #expect(error?.message.contains("7.0.0") == true)
            #expect(error?.message.contains("format 9") == true)
        }
    }

    @Test("the newest and the best are kept, the rest removed")
    func pruning() throws {
        try withStore { store in
            for step in [10, 20, 30, 40, 1_000_000] { try run.save(store, step: step) }
            try store.prune(keeping: 2, bestStep: 20)
            #expect(try store.all().map(\.step) == [20, 40, 1_000_000])
            try store.prune(keeping: 0, bestStep: nil)
            #expect(try store.all().map(\.step) == [1_000_000])
        }
    }

    @Test("a failure while writing leaves no checkpoint, and an unfinished one of a crash is none")
    func failureLeavesNothing() throws {
        struct Failure: Error {}
        try withStore { store in
            #expect(throws: Failure.self) {
                try store.save(
                    run.state(step: 10), layout: run.layout, trainerState: run.trainerState(step: 10),
                    identity: run.identity
                ) { _ in throw Failure() }
            }
            #expect(throws: CheckpointError.self) {
                try store.save(
                    run.state(step: 10), layout: run.layout, trainerState: run.trainerState(step: 10),
                    identity: run.identity
                ) { _ in }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == [])
            try AtomicDirectory.createDirectory(store.directory + "/step-000010.partial")
            try AtomicDirectory.createDirectory(store.directory + "/step-10")
            #expect(try store.all().isEmpty)
            #expect(try store.newestValid(layout: run.layout).checkpoint == nil)
        }
    }

    @Test("another base, tokenizer or data is named")
    func identityIsCompared() throws {
        var other = run.identity
        other.tokenizerDigest = .sha256("another")
        let error = #expect(throws: CheckpointError.self) {
            try other.require(equalTo: run.identity, path: "p")
        }
        #expect(error?.code == .differentInputs)
        #expect(error?.message.contains("tokenizer") == true)
        try run.identity.require(equalTo: run.identity, path: "p")
    }
}
