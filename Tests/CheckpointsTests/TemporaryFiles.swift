import Checkpoints
import DurableFiles
import Foundation
import Optimizers
import Tensors
import WeightFiles

/// Makes an empty directory, removed when `body` returns.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "shoal-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path())
}

/// Flips one bit of the byte at `offset` (from the end where negative).
func flipBit(_ path: String, at offset: Int) throws {
    var data = try Data(contentsOf: URL(filePath: path))
    data[offset >= 0 ? offset : data.count + offset] ^= 1
    try data.write(to: URL(filePath: path))
}

/// A small run's tensors: a state whose 3 · 26 numbers all differ.
struct TinyRun {
    let layout: ParameterLayout
    let identity = RunIdentity(
        baseDigest: .sha256("base"), tokenizerDigest: .sha256("tokenizer"),
        dataDigests: ["rows.jsonl": .sha256("data")], configuration: ["training.seed": "7"])

    init() {
        var layout = ParameterLayout()
        layout.append(name: "base_model.model.q_proj.lora_A.weight", shape: [2, 8])
        layout.append(name: "base_model.model.q_proj.lora_B.weight", shape: [5, 2])
        self.layout = layout
    }

    func state(step: Int) -> TrainingState {
        let vectors = (0..<3).map { section in
            Vector((0..<26).map { Float(step * 1000 + section * 100 + $0) / 7 })
        }
        return TrainingState(
            step: step, parameters: vectors[0], firstMoments: vectors[1], secondMoments: vectors[2])
    }

    func trainerState(step: Int) -> TrainerState {
        TrainerState(
            step: step, epoch: Double(step) / 8, seed: .max, tokenCount: step * 100,
            stateDigest: state(step: step).digest(), ledgerHead: .sha256("line \(step)"))
    }

    @discardableResult
    func save(_ store: CheckpointStore, step: Int) throws -> String {
        let state = state(step: step)
        return try store.save(
            state, layout: layout, trainerState: trainerState(step: step), identity: identity
        ) { directory in
            let tensors = layout.entries.map {
                SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, values: state.parameters[$0.range])
            }
            try SafetensorsWriter.write(tensors, to: directory + "/adapter_model.safetensors")
            try AtomicFile.write("{}", to: directory + "/adapter_config.json")
        }
    }
}
