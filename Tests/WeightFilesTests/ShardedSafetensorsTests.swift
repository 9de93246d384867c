import DurableFiles
import Tensors
import Testing
import WeightFiles

@Suite struct ShardedSafetensorsTests {
    private func makeShards(_ directory: TemporaryDirectory, index: String) throws {
        for name in ["a", "b"] {
            try SafetensorsWriter.write(
                [.init(name: "\(name).weight", shape: [2], values: Vector([1, 2]))],
                to: directory.file("model-\(name).safetensors"))
        }
        try AtomicFile.write(index, to: directory.file(ShardedSafetensors.indexFileName))
    }

    @Test func findsTensorsInAllShards() throws {
        let directory = try TemporaryDirectory()
        try makeShards(
            directory,
            index: """
                {"metadata": {"total_size": 16}, "weight_map":
                 {"a.weight": "model-a.safetensors", "b.weight": "model-b.safetensors"}}
                """)
        let weights = try ShardedSafetensors(directory: directory.path)
        #expect(weights.names == ["a.weight", "b.weight"])
        let (file, tensor) = try #require(weights.find("b.weight"))
        #expect(file.path.hasSuffix("model-b.safetensors"))
        #expect(Vector(try file.floats(of: tensor)).toArray() == [1, 2])
        #expect(weights.find("c.weight") == nil)
    }

    @Test func aSingleFileNeedsNoIndex() throws {
        let directory = try TemporaryDirectory()
        try SafetensorsWriter.write(
            [.init(name: "x", shape: [1], values: Vector([3]))], to: directory.file("model.safetensors"))
        #expect(try ShardedSafetensors(directory: directory.path).names == ["x"])
    }

    @Test(arguments: [
        (#"{"weight_map": {"a.weight": "model-b.safetensors"}}"#, "missingTensor"),
        (#"{"weight_map": {"a.weight": "model-c.safetensors"}}"#, "notFound"),
        (#"{"weight_map": {"a.weight": "../model-a.safetensors"}}"#, "malformed"),
        (#"{"weight_map": {"a.weight": "/etc/passwd"}}"#, "malformed"),
        (#"{"weight_map": {"a.weight": 1}}"#, "malformed"),
        (#"{"weight_map": {}}"#, "malformed"),
        ("{", "malformed"),
    ])
    func contradictingIndexesAreRefused(index: String, code: String) throws {
        let directory = try TemporaryDirectory()
        try makeShards(directory, index: index)
        let error = #expect(throws: WeightFileError.self) {
            try ShardedSafetensors(directory: directory.path)
        }
        #expect(error?.code.rawValue == code, "\(error?.message ?? "")")
    }

    @Test func aDirectoryWithoutWeightsIsNamed() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: WeightFileError.self) {
            try ShardedSafetensors(directory: directory.path)
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains(directory.path) == true)
    }
}
