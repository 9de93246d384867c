import Tensors
import WeightFiles

/// A tensor of the base as its file stores it, under Hugging Face's name.
struct SourceTensor: Sendable {
    /// Hugging Face's name.
    let name: String
    let file: any WeightFile
    let stored: TensorDescription
    /// Attention heads whose rows lie in interleaved pairs and must be put back in halves; nil for rows as stored.
    ///
    /// llama.cpp stores Q and K of Llama permuted (`LlamaModel.permute` in convert_hf_to_gguf.py): row
    /// 2·i + j of a head is Hugging Face's row j·D/2 + i, with D rows a head.
    let interleavedHeads: Int?

    init(name: String, file: any WeightFile, stored: TensorDescription, interleavedHeads: Int? = nil) {
        self.name = name
        self.file = file
        self.stored = stored
        self.interleavedHeads = interleavedHeads
    }

    /// Whether the file's own pages are the tensor.
    var isMappable: Bool {
        stored.elementType == .float32 && interleavedHeads == nil
            && stored.byteOffset % MemoryLayout<Float>.alignment == 0
    }

    /// Elements expanded at a time; a multiple of every block.
    private static let pieceCount = 1 << 20

    /// Calls `body` with the tensor's Float32 values, piece by piece in row-major order.
    func forEachPiece(_ body: (Vector) throws -> Void) throws {
        if let interleavedHeads {
            let rows = Vector(zeros: stored.elementCount)
            try file.expand(stored, elements: 0..<stored.elementCount, into: rows)
            return try body(deinterleaved(rows, heads: interleavedHeads))
        }
        let buffer = Vector(zeros: min(SourceTensor.pieceCount, stored.elementCount))
        var first = 0
        while first < stored.elementCount {
            let last = min(first + SourceTensor.pieceCount, stored.elementCount)
            let piece = buffer[0..<last - first]
            try file.expand(stored, elements: first..<last, into: piece)
            try body(piece)
            first = last
        }
    }

    private func deinterleaved(_ rows: Vector, heads: Int) -> Vector {
        let rowCount = stored.shape.first ?? 0
        let width = rowCount == 0 ? 0 : stored.elementCount / rowCount
        let half = rowCount / heads / 2
        let result = Vector(zeros: rows.count)
        for head in 0..<heads {
            for part in 0..<2 {
                for index in 0..<half {
                    let from = ((head * half + index) * 2 + part) * width
                    let to = ((head * 2 + part) * half + index) * width
                    result[to..<to + width].copy(from: rows[from..<from + width])
                }
            }
        }
        return result
    }
}
