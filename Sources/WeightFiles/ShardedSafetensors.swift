import Foundation
import Tensors

/// The weights of a Hugging Face directory: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` lists.
public final class ShardedSafetensors: Sendable {
    private struct Index: Decodable {
        let shardOfTensor: [String: String]

        enum CodingKeys: String, CodingKey { case shardOfTensor = "weight_map" }
    }

    /// Name of the single file.
    public static let singleFileName = "model.safetensors"
    /// Name of the list of shards.
    public static let indexFileName = "model.safetensors.index.json"

    /// The directory.
    public let directory: String
    /// The files, by name.
    public let shards: [SafetensorsFile]
    private let shardOfTensor: [String: Int]

    /// Opens and checks every file of weights in `directory`.
    ///
    /// - Throws: ``WeightFileError`` naming the missing, damaged or contradicting file.
    public init(directory: String) throws(WeightFileError) {
        self.directory = directory
        let single = directory + "/" + ShardedSafetensors.singleFileName
        let indexPath = directory + "/" + ShardedSafetensors.indexFileName
        if FileManager.default.fileExists(atPath: single) {
            let file = try SafetensorsFile(path: single)
            shards = [file]
            shardOfTensor = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, 0) })
            return
        }
        guard FileManager.default.fileExists(atPath: indexPath) else {
            throw WeightFileError(
                .notFound, directory,
                "has neither \(ShardedSafetensors.singleFileName) nor \(ShardedSafetensors.indexFileName);"
                    + " expected a Hugging Face model directory with safetensors")
        }
        let map = try ShardedSafetensors.readIndex(indexPath)
        let names = Set(map.values).sorted()
        var shards: [SafetensorsFile] = []
        for name in names { shards.append(try SafetensorsFile(path: directory + "/" + name)) }
        var shardOfTensor: [String: Int] = [:]
        for (tensor, shardName) in map {
            guard let shard = names.firstIndex(of: shardName), shards[shard].tensor(named: tensor) != nil
            else {
                throw WeightFileError(
                    .missingTensor, directory + "/" + shardName, tensor: tensor,
                    "missing, but \(ShardedSafetensors.indexFileName) lists it there; fetch the shard again")
            }
            shardOfTensor[tensor] = shard
        }
        self.shards = shards
        self.shardOfTensor = shardOfTensor
    }

    /// Names of all tensors, sorted.
    public var names: [String] { shardOfTensor.keys.sorted() }

    /// The file and place of a tensor.
    public func find(_ name: String) -> (file: SafetensorsFile, tensor: TensorDescription)? {
        guard let shard = shardOfTensor[name], let tensor = shards[shard].tensor(named: name) else {
            return nil
        }
        return (shards[shard], tensor)
    }

    private static func readIndex(_ path: String) throws(WeightFileError) -> [String: String] {
        let map: [String: String]
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            guard data.count <= SafetensorsFile.headerLimit else {
                throw WeightFileError(
                    .malformed, path, "\(data.count) bytes, at most \(SafetensorsFile.headerLimit) are read")
            }
            map = try JSONDecoder().decode(Index.self, from: data).shardOfTensor
        } catch let error as WeightFileError {
            throw error
        } catch {
            throw WeightFileError(
                .malformed, path, "no index of shards with a weight_map of strings; fetch it again")
        }
        for (tensor, shard) in map where shard.contains("/") || !shard.hasSuffix(".safetensors") {
            throw WeightFileError(
                .malformed, path, tensor: tensor,
                "lies in '\(shard)', expected the name of a .safetensors file in the same directory")
        }
        guard !map.isEmpty else { throw WeightFileError(.malformed, path, "lists no tensor; fetch it again") }
        return map
    }
}
