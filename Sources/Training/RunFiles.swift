import Checkpoints
import Configurations
import DurableFiles
import Foundation

/// The checkpoints and the result of a run, read for an audit: every file compared with the digest that its
/// checkpoint's manifest lists.
struct RunFiles {
    /// A checkpoint whose files are those that were written.
    struct Checkpoint {
        /// Of the directory: `step-000050`.
        var name: String
        /// The file with its trained tensors.
        var weightsPath: String
        var manifest: CheckpointManifest
        var state: TrainerState
    }

    /// By ascending step.
    let checkpoints: [Checkpoint]
    /// What is wrong, one sentence each.
    let problems: [String]
    /// What could not be compared.
    let notes: [String]

    /// Reads `RUN/checkpoints` and `RUN/adapter` or `RUN/model`.
    init(path: String, configuration: RunConfiguration) throws {
        let method = configuration.method
        var checkpoints: [Checkpoint] = []
        var problems: [String] = []
        let store = CheckpointStore(
            directory: path + "/checkpoints", shoalVersion: ShoalVersion.current,
            weightsFileName: method.weightsFileName)
        for (_, directory) in try store.all() {
            do {
                let manifest = try CheckpointManifest.verified(in: directory)
                let file = directory + "/" + CheckpointStore.trainerStateFileName
                let state = try JSONDecoder().decode(
                    TrainerState.self, from: Data(contentsOf: URL(filePath: file)))
                checkpoints.append(
                    Checkpoint(
                        name: (directory as NSString).lastPathComponent,
                        weightsPath: directory + "/" + store.weightsFileName, manifest: manifest,
                        state: state))
            } catch {
                // A run under way removes old checkpoints, the manifest first.
                let manifest = directory + "/" + CheckpointManifest.fileName
                if FileManager.default.fileExists(atPath: manifest) { problems.append("\(error)") }
            }
        }
        let result = path + "/\(method.resultName)/" + store.weightsFileName
        var notes: [String] = []
        if FileManager.default.fileExists(atPath: result) {
            let digest = try Digest.sha256(ofFile: result)
            if checkpoints.contains(where: { $0.manifest.files[store.weightsFileName]?.sha256 == digest }) {
                // The very file.
            } else if method == .partial {
                let model = try PublishedModel(path: result, base: configuration.base)
                problems += model.problems(checkpoints: checkpoints)
                notes += model.notes
            } else {
                problems.append(
                    "\(result): has other bytes than the \(method.resultName) of every checkpoint")
            }
        }
        self.notes = notes
        self.checkpoints = checkpoints
        self.problems = problems
    }
}
