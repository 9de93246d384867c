import Checkpoints
import Foundation
import WeightFiles

/// What a run leaves on the disk.
public struct StoredFigures: Sendable, Equatable, Codable {
    /// Elements that are trained.
    public var trainedParameters: Int
    /// The optimizer's state in a checkpoint.
    public var optimizerBytes: Int
    /// A whole checkpoint.
    public var checkpointBytes: Int

    /// Reads the newest checkpoint of the run at `path`.
    ///
    /// - Throws: ``ComparisonError`` with code `.badData` where there is none.
    public init(run path: String) throws {
        let folder = path + "/checkpoints"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix("step-")
        }
        guard let newest = names.max() else {
            throw ComparisonError(.badData, "\(folder): holds no checkpoint")
        }
        var sizes: [String: Int] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(newest)") {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(newest)/\(name)")
            sizes[name] = (attributes[.size] as? NSNumber)?.intValue ?? 0
        }
        let optimizer = CheckpointStore.optimizerFileName
        optimizerBytes = sizes[optimizer] ?? 0
        checkpointBytes = sizes.values.reduce(0, +)
        let moments = try SafetensorsFile(path: "\(folder)/\(newest)/\(optimizer)")
        trainedParameters = moments.tensors.reduce(0) { $0 + $1.elementCount } / 2
    }
}
