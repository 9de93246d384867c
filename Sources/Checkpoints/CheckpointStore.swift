import DurableFiles
import FaultPoints
import Foundation
public import Optimizers
public import Tensors
import WeightFiles

/// A checkpoint that was read back whole.
public struct Checkpoint: Sendable {
    /// Its directory.
    public let path: String
    /// Parameters and moments.
    public let state: TrainingState
    public let trainerState: TrainerState
    public let manifest: CheckpointManifest
}

/// The checkpoints of a run: `RUN/checkpoints/step-000050/` and so on.
///
/// A checkpoint appears whole or not at all, and counts only while every file has the digest its manifest lists.
/// One thread at a time may write.
public struct CheckpointStore: Sendable {
    /// A directory that looks like a checkpoint and is none.
    public struct Invalid: Sendable, Equatable {
        public let path: String
        /// What is wrong with it.
        public let reason: String
    }

    /// Name of the file with AdamW's moments.
    public static let optimizerFileName = "optimizer.safetensors"
    /// Name of the file with the ``TrainerState``.
    public static let trainerStateFileName = "trainer_state.json"

    /// `RUN/checkpoints`
    public let directory: String
    /// Name of the file with the parameters: `adapter_model.safetensors` for LoRA.
    public let weightsFileName: String
    private let shoalVersion: String

    public init(
        directory: String, shoalVersion: String, weightsFileName: String = "adapter_model.safetensors"
    ) {
        self.directory = directory
        self.shoalVersion = shoalVersion
        self.weightsFileName = weightsFileName
    }

    /// The directory of the checkpoint after `step` steps.
    public func path(forStep step: Int) -> String { directory + "/" + Self.name(forStep: step) }

    /// Writes a checkpoint and returns its directory once it is durable. One of the same step is replaced.
    ///
    /// - Parameters:
    ///   - layout: the trainable tensors; their names in the files.
    ///   - writeWeights: writes the parameters (and what belongs to them, as `adapter_config.json`) into the
    ///     directory it is given, as ``weightsFileName``.
    /// - Throws: `DurableFileError` with code `.noSpace` before anything is written when the disk is too full;
    ///   whatever `writeWeights` throws. No directory is left in either case.
    @discardableResult
    public func save(
        _ state: TrainingState, layout: ParameterLayout, trainerState: TrainerState, identity: RunIdentity,
        writeWeights: (_ directory: String) throws -> Void
    ) throws -> String {
        precondition(state.parameterCount == layout.count && state.step == trainerState.step)
        try AtomicDirectory.createDirectory(directory)
        // Parameters and two moments in Float32, headers and small files.
        try FreeSpace.require(
            state.parameterCount * 12 + layout.entries.count * 1024 + 65_536, at: directory,
            for: "a checkpoint")
        let path = path(forStep: state.step)
        try AtomicDirectory.publish(at: path, replacing: true) { partial in
            try writeWeights(partial)
            guard FileManager.default.fileExists(atPath: partial + "/" + weightsFileName) else {
                throw CheckpointError(
                    code: .invalidCheckpoint, message: "\(path): \(weightsFileName) was not written",
                    path: path)
            }
            try FaultPoint.checkpointFiles.pass(writing: partial + "/" + Self.optimizerFileName)
            let moments = layout.entries.flatMap { entry in
                [
                    SafetensorsWriter.Tensor(
                        name: Self.firstMomentPrefix + entry.name, shape: entry.shape,
                        values: state.firstMoments[entry.range]),
                    SafetensorsWriter.Tensor(
                        name: Self.secondMomentPrefix + entry.name, shape: entry.shape,
                        values: state.secondMoments[entry.range]),
                ]
            }
            try SafetensorsWriter.write(
                moments, metadata: ["format": "pt"], to: partial + "/" + Self.optimizerFileName)
            try AtomicFile.write(jsonText(trainerState), to: partial + "/" + Self.trainerStateFileName)
            try FaultPoint.checkpointManifest.pass(writing: partial + "/" + CheckpointManifest.fileName)
            let manifest = try CheckpointManifest.describe(
                partial, step: state.step, identity: identity, shoalVersion: shoalVersion)
            try AtomicFile.write(jsonText(manifest), to: partial + "/" + CheckpointManifest.fileName)
        }
        FaultPoint.checkpointPublished.pass()
        return path
    }

    /// Reads the checkpoint at `path` back.
    ///
    /// - Throws: ``CheckpointError`` with code `.invalidCheckpoint`, `.unsupportedVersion`; `WeightFileError` when its
    ///   tensors are not those of `layout`.
    public func load(_ path: String, layout: ParameterLayout) throws -> Checkpoint {
        let manifest = try CheckpointManifest.verified(in: path)
        for name in [weightsFileName, Self.optimizerFileName, Self.trainerStateFileName]
        where manifest.files[name] == nil {
            throw CheckpointError(
                code: .invalidCheckpoint, message: "\(path): its manifest does not list \(name)", path: path)
        }
        let trainerState: TrainerState
        do {
            let data = try Data(contentsOf: URL(filePath: path + "/" + Self.trainerStateFileName))
            trainerState = try JSONDecoder().decode(TrainerState.self, from: data)
        } catch {
            throw CheckpointError(
                code: .invalidCheckpoint,
                message: "\(path): \(Self.trainerStateFileName) is not readable: \(error)",
                path: path)
        }
        let weights = try SafetensorsFile(path: path + "/" + weightsFileName)
        let moments = try SafetensorsFile(path: path + "/" + Self.optimizerFileName)
        let state = TrainingState(
            step: trainerState.step, parameters: try Self.read(weights, prefix: "", layout: layout),
            firstMoments: try Self.read(moments, prefix: Self.firstMomentPrefix, layout: layout),
            secondMoments: try Self.read(moments, prefix: Self.secondMomentPrefix, layout: layout))
        let digest = state.digest()
        guard digest == trainerState.stateDigest, manifest.step == trainerState.step else {
            throw CheckpointError(
                code: .invalidCheckpoint,
                message: "\(path): its tensors have the digest \(digest.hex.prefix(12))…, expected"
                    + " \(trainerState.stateDigest.hex.prefix(12))… after step \(trainerState.step)",
                path: path)
        }
        return Checkpoint(path: path, state: state, trainerState: trainerState, manifest: manifest)
    }

    /// Reads the newest checkpoint that is valid, and says which newer ones are not.
    ///
    /// - Returns: nil as checkpoint where there is none.
    /// - Throws: ``CheckpointError`` with code `.unsupportedVersion` when another version wrote the newest: going on
    ///   from an older one would be a surprise.
    public func newestValid(layout: ParameterLayout) throws -> (checkpoint: Checkpoint?, invalid: [Invalid]) {
        var invalid: [Invalid] = []
        for (_, path) in try all().reversed() {
            do {
                return (try load(path, layout: layout), invalid)
            } catch let error as CheckpointError where error.code == .unsupportedVersion {
                throw error
            } catch {
                invalid.append(Invalid(path: path, reason: "\(error)"))
            }
        }
        return (nil, invalid)
    }

    /// All directories named as checkpoints, by ascending step; none when there is no directory yet.
    public func all() throws -> [(step: Int, path: String)] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: directory)
            .compactMap { name in Self.step(ofName: name).map { ($0, directory + "/" + name) } }
            .sorted { $0.0 < $1.0 }
    }

    /// Removes all but the newest `count` checkpoints and the one of `bestStep`.
    ///
    /// - Returns: the directories removed.
    @discardableResult
    public func prune(keeping count: Int, bestStep: Int?) throws -> [String] {
        let removed = try all().dropLast(max(1, count)).filter { $0.step != bestStep }.map(\.path)
        for path in removed {
            // Without its manifest it is no checkpoint, whatever a crash leaves of it.
            try AtomicDirectory.remove(path + "/" + CheckpointManifest.fileName)
            try AtomicDirectory.remove(path)
        }
        return removed
    }

    private static let firstMomentPrefix = "exp_avg."
    private static let secondMomentPrefix = "exp_avg_sq."

    private static func read(
        _ file: SafetensorsFile, prefix: String, layout: ParameterLayout
    ) throws -> Vector {
        let result = Vector(zeros: layout.count)
        for entry in layout.entries {
            let tensor = try file.requireTensor(named: prefix + entry.name, shape: entry.shape)
            try file.expand(tensor, elements: 0..<tensor.elementCount, into: result[entry.range])
        }
        return result
    }

    /// `step-000050`
    static func name(forStep step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// Whether a store may have made the directory `name`: a checkpoint, or one a crash left unfinished.
    static func isOwnName(_ name: String) -> Bool {
        let suffix = ".partial"
        return step(ofName: name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name) != nil
    }

    private static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), name == Self.name(forStep: step)
        else {
            return nil
        }
        return step
    }
}
