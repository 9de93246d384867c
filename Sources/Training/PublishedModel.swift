import Bases
import Checkpoints
import DurableFiles
import Tensors
import WeightFiles

/// `RUN/model` of a run that trained a part of its base, as an audit looks at it: the trained tensors have to be those of
/// a checkpoint, the others the base's.
struct PublishedModel {
    private let file: SafetensorsFile
    private let base: Base?
    /// What could not be compared.
    let notes: [String]

    /// - Parameters:
    ///   - path: its model.safetensors.
    ///   - base: the base's path; a base that is not here, or only named by a Hub id, is not compared.
    init(path: String, base: String) throws {
        file = try SafetensorsFile(path: path)
        self.base = try? Base(path: base)
        notes =
            self.base == nil
            ? [
                "\(base) cannot be opened here: the tensors of the model that were not trained are not compared"
            ]
            : []
    }

    /// What is wrong, one sentence each.
    func problems(checkpoints: [RunFiles.Checkpoint]) -> [String] {
        let differences = checkpoints.map { (checkpoint: $0, tensor: firstDifference(from: $0)) }
        // The last is named; all but the best of the run differ.
        guard let last = differences.last else { return [] }
        guard let equal = differences.last(where: { $0.tensor == nil }) else {
            return ["\(file.path): has another \(last.tensor ?? "tensor") than every checkpoint"]
        }
        guard let base, base.digest == equal.checkpoint.manifest.identity.baseDigest,
            let trained = try? SafetensorsFile(path: equal.checkpoint.weightsPath)
        else { return [] }
        for tensor in file.tensors where trained.tensor(named: tensor.name) == nil {
            guard let values = try? base.tensor(named: tensor.name, shape: tensor.shape),
                values.withByteSpan({ Digest.sha256($0) }) == digest(of: tensor, in: file)
            else { return ["\(file.path): has another \(tensor.name) than the base"] }
        }
        return []
    }

    /// The first tensor of a checkpoint that the model has otherwise; nil when it has them all.
    private func firstDifference(from checkpoint: RunFiles.Checkpoint) -> String? {
        guard let saved = try? SafetensorsFile(path: checkpoint.weightsPath) else {
            return "model.safetensors"
        }
        return saved.tensors.first { tensor in
            guard let own = file.tensor(named: tensor.name), own.shape == tensor.shape else { return true }
            return digest(of: own, in: file) != digest(of: tensor, in: saved)
        }?.name
    }

    private func digest(of tensor: TensorDescription, in file: SafetensorsFile) -> Digest {
        var stream = DigestStream()
        file.file.withBytes(tensor.byteRange) { stream.update($0) }
        return stream.finish()
    }
}
