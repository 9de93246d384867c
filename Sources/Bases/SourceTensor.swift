import Tensors
import WeightFiles

/// A tensor of the base as its file stores it, under Hugging Face's name.
struct SourceTensor: Sendable {
    /// How its elements have to be put in order for Hugging Face.
    enum Order: Sendable, Equatable {
        case asStored
        /// Rows of so many attention heads lie in interleaved pairs and must be put back in halves.
        ///
        /// llama.cpp stores Q and K of Llama permuted (`LlamaModel.permute` in convert_hf_to_gguf.py): row
        /// 2·i + j of a head is Hugging Face's row j·D/2 + i, with D rows a head.
        case interleaved(heads: Int)
        /// A matrix whose rows are Hugging Face's columns.
        case transposed
    }

    /// Hugging Face's name.
    let name: String
    let file: any WeightFile
    let stored: TensorDescription
    let order: Order

    init(name: String, file: any WeightFile, stored: TensorDescription, order: Order = .asStored) {
        self.name = name
        self.file = file
        self.stored = stored
        self.order = order
    }

    /// Hugging Face's shape.
    var shape: [Int] { order == .transposed ? stored.shape.reversed() : stored.shape }

    /// Whether the file's own pages are the tensor.
    var isMappable: Bool {
        stored.elementType == .float32 && order == .asStored
            && stored.byteOffset % MemoryLayout<Float>.alignment == 0
    }

    /// Elements expanded at a time; a multiple of every block.
    private static let pieceCount = 1 << 20

    /// Calls `body` with the tensor's Float32 values, piece by piece in row-major order.
    func forEachPiece(_ body: (Vector) throws -> Void) throws {
        guard order == .asStored else {
            let values = Vector(zeros: stored.elementCount)
            try file.expand(stored, elements: 0..<stored.elementCount, into: values)
            return try body(ordered(values))
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

    private func ordered(_ values: Vector) -> Vector {
        switch order {
        case .asStored: values
        case .interleaved(let heads): deinterleaved(values, heads: heads)
        case .transposed: transposed(values)
        }
    }

    private func transposed(_ values: Vector) -> Vector {
        let (rows, columns) = (stored.shape[0], stored.shape[1])
        let result = Vector(zeros: values.count)
        for row in 0..<rows {
            for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
        }
        return result
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
