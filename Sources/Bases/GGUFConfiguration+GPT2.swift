import DurableFiles
import Foundation
import Tensors
import WeightFiles

extension GGUFConfiguration {
    /// The keys of config.json, there in snake case.
    private struct GPT2Content: Encodable {
        var activationFunction = "gelu_new"
        var architectures = ["GPT2LMHeadModel"]
        var bosTokenId: Int?
        var eosTokenId: Int?
        var layerNormEpsilon: Float
        var modelType = "gpt2"
        var nEmbd: Int
        var nHead: Int
        var nInner: Int?
        var nLayer: Int
        var nPositions: Int
        var tieWordEmbeddings: Bool
        var torchDtype = "float32"
        var vocabSize: Int
    }

    /// Reads the metadata of GPT-2.
    init(gpt2 file: GGUFFile) throws {
        let keys = GGUFKeys(file: file, prefix: "gpt2.")
        let layerCount = try keys.integer("block_count", in: 1...4096)
        let attentionHeads = try keys.integer("attention.head_count", in: 1...4096)
        let hiddenSize = try keys.integer("embedding_length", in: 1...(1 << 20))
        let innerSize = try keys.integer("feed_forward_length", in: 1...(1 << 22))
        let tokenizer = GGUFKeys(file: file, prefix: "tokenizer.ggml.")
        let isHeadTied = try Self.isHeadTied(file)
        let content = GPT2Content(
            bosTokenId: try tokenizer.optionalInteger("bos_token_id", in: 0...(1 << 30)),
            eosTokenId: try tokenizer.optionalInteger("eos_token_id", in: 0...(1 << 30)),
            layerNormEpsilon: Float(try keys.number("attention.layer_norm_epsilon")), nEmbd: hiddenSize,
            nHead: attentionHeads, nInner: innerSize == 4 * hiddenSize ? nil : innerSize, nLayer: layerCount,
            nPositions: try keys.integer("context_length", in: 1...(1 << 24)), tieWordEmbeddings: isHeadTied,
            vocabSize: try keys.vocabularySize(hiddenSize: hiddenSize))
        self.init(
            layerCount: layerCount, attentionHeads: attentionHeads, keyValueHeads: attentionHeads,
            headDimension: hiddenSize / attentionHeads, isHeadTied: isHeadTied,
            json: try Self.encode(content))
    }

    /// Converters of some time wrote the embedding once more, as `output.weight`.
    private static func isHeadTied(_ file: GGUFFile) throws -> Bool {
        guard let output = file.tensor(named: "output.weight") else { return true }
        let embedding = try file.requireTensor(named: "token_embd.weight")
        guard output.elementType == embedding.elementType, output.shape == embedding.shape else {
            return false
        }
        let digests = [output, embedding].map { tensor in
            var stream = DigestStream()
            file.file.withBytes(tensor.byteRange) { stream.update($0) }
            return stream.finish()
        }
        return digests[0] == digests[1]
    }
}
