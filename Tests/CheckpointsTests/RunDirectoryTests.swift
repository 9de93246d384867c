import Checkpoints
import DurableFiles
import Foundation
import Testing

@Suite("Run directory")
struct RunDirectoryTests {
    private func create(_ path: String, overwrite: Bool = false) throws -> RunDirectory {
        try RunDirectory.create(
            at: path, configuration: "seed: 42\n", overwrite: overwrite, shoalVersion: "1.2.3")
    }

    @Test("a new run is created in a missing or empty directory and resumed with the same id")
    func createsAndResumes() throws {
        try withTemporaryDirectory { base in
            for path in [base + "/deep/run", base + "/empty"] {
                if path.hasSuffix("empty") { try AtomicDirectory.createDirectory(path) }
                let run = try create(path)
                let runID = run.runID
                #expect(try run.configuration() == "seed: 42\n")
                run.release()
                let resumed = try RunDirectory.resume(at: path)
                #expect(resumed.runID == runID)
            }
        }
    }

    @Test("an existing run is refused with what to do; --overwrite removes only what a run wrote")
    func overwriting() throws {
        try withTemporaryDirectory { base in
            let path = base + "/run"
            let first = try create(path)
            let tiny = TinyRun()
            try tiny.save(CheckpointStore(directory: first.checkpointsPath, shoalVersion: "1"), step: 5)
            try AtomicDirectory.createDirectory(first.checkpointsPath + "/step-000009.partial")
            try first.publish("adapter") { try AtomicFile.write("x", to: $0 + "/adapter_model.safetensors") }
            try AtomicFile.write("mine", to: path + "/notes.txt")
            try AtomicFile.write("mine", to: first.checkpointsPath + "/notes.txt")
            _ = try Ledger(path: first.ledgerPath)
            let runID = first.runID
            first.release()

            let error = #expect(throws: CheckpointError.self) { try create(path) }
            #expect(error?.code == .exists)
            #expect(error?.message.contains("--resume \(path)") == true)

            let second = try create(path, overwrite: true)
            #expect(second.runID != runID)
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            #expect(names == ["checkpoints", "config.yaml", "lock", "notes.txt", "run.json"])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: second.checkpointsPath) == ["notes.txt"])
        }
    }

    @Test(
        "a directory with other things in it is never taken, not even with --overwrite",
        arguments: [false, true])
    func foreignDirectoryIsRefused(overwrite: Bool) throws {
        try withTemporaryDirectory { path in
            try AtomicFile.write("base: mine\n", to: path + "/config.yaml")
            let error = #expect(throws: CheckpointError.self) { try create(path, overwrite: overwrite) }
            #expect(error?.code == .exists)
            #expect(error?.message.contains("config.yaml") == true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["config.yaml"])
        }
    }

    @Test("a run is locked while a coordinator has it")
    func locking() throws {
        try withTemporaryDirectory { base in
            let run = try create(base + "/run")
            let error = #expect(throws: DurableFileError.self) { try RunDirectory.resume(at: run.path) }
            #expect(error?.code == .locked)
            #expect(throws: DurableFileError.self) { try create(run.path, overwrite: true) }
            #expect(try run.configuration() == "seed: 42\n")
        }
    }

    @Test("what is no run, or one of another format, is not resumed")
    func othersAreNotResumed() throws {
        try withTemporaryDirectory { base in
            let nothing = #expect(throws: CheckpointError.self) { try RunDirectory.resume(at: base) }
            #expect(nothing?.code == .notARun)
            let path = base + "/run"
            try create(path).release()
            let head = URL(filePath: path + "/run.json")
            let text = try String(contentsOf: head, encoding: .utf8)
            try Data(text.replacing("\"format_version\" : 1", with: "\"format_version\" : 2").utf8).write(
                to: head)
            let other = #expect(throws: CheckpointError.self) { try RunDirectory.resume(at: path) }
            #expect(other?.code == .unsupportedVersion)
            try Data("{".utf8).write(to: head)
            let damaged = #expect(throws: CheckpointError.self) { try RunDirectory.resume(at: path) }
            #expect(damaged?.code == .malformed)
        }
    }

    @Test("the term rises by one at each start and survives")
    func terms() throws {
        try withTemporaryDirectory { base in
            let run = try create(base + "/run")
            #expect(try run.raiseTerm() == 1)
            #expect(try run.raiseTerm() == 2)
            run.release()
            let resumed = try RunDirectory.resume(at: run.path)
            #expect(try resumed.raiseTerm() == 3)
            try AtomicFile.write("minus one", to: run.path + "/term")
            let error = #expect(throws: CheckpointError.self) { try resumed.raiseTerm() }
            #expect(error?.code == .malformed)
        }
    }

    @Test("the adapter appears whole, or not at all")
    func adapterIsAtomic() throws {
        struct Failure: Error {}
        try withTemporaryDirectory { base in
            let run = try create(base + "/run")
            #expect(throws: Failure.self) {
                try run.publish("adapter") { directory in
                    try AtomicFile.write("half", to: directory + "/adapter_config.json")
                    throw Failure()
                }
            }
            #expect(!FileManager.default.fileExists(atPath: run.path + "/adapter"))
            try run.publish("adapter") { try AtomicFile.write("1", to: $0 + "/adapter_config.json") }
            try run.publish("adapter") { try AtomicFile.write("2", to: $0 + "/adapter_config.json") }
            #expect(
                try String(contentsOfFile: run.path + "/adapter" + "/adapter_config.json", encoding: .utf8)
                    == "2")
        }
    }
}
