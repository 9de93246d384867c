import Checkpoints
import DurableFiles
import Foundation

/// The checkpoints and the adapter of a run, read for an audit: every file compared with the digest that its
/// checkpoint's manifest lists.
struct RunFiles {
    /// A checkpoint whose files are those that were written.
    struct Checkpoint {
        /// Of the directory: `step-000050`.
        var name: String
        var manifest: CheckpointManifest
        var state: TrainerState
    }

    /// By ascending step.
    let checkpoints: [Checkpoint]
    /// What is wrong, one sentence each.
    let problems: [String]

    /// Reads `RUN/checkpoints` and `RUN/adapter`.
    init(path: String) throws {
        var checkpoints: [Checkpoint] = []
        var problems: [String] = []
        let store = CheckpointStore(directory: path + "/checkpoints", shoalVersion: ShoalVersion.current)
        for (_, directory) in try store.all() {
            do {
                let manifest = try CheckpointManifest.verified(in: directory)
                let file = directory + "/" + CheckpointStore.trainerStateFileName
                let state = try JSONDecoder().decode(
                    TrainerState.self, from: Data(contentsOf: URL(filePath: file)))
                checkpoints.append(
                    Checkpoint(
                        name: (directory as NSString).lastPathComponent, manifest: manifest, state: state))
            } catch {
                // A run under way removes old checkpoints, the manifest first.
                let manifest = directory + "/" + CheckpointManifest.fileName
                if FileManager.default.fileExists(atPath: manifest) { problems.append("\(error)") }
            }
        }
        let adapter = path + "/adapter/" + store.weightsFileName
        if FileManager.default.fileExists(atPath: adapter) {
            let digest = try Digest.sha256(ofFile: adapter)
            if !checkpoints.contains(where: { $0.manifest.files[store.weightsFileName]?.sha256 == digest }) {
                problems.append("\(adapter): has other bytes than the adapter of every checkpoint")
            }
        }
        self.checkpoints = checkpoints
        self.problems = problems
    }
}
