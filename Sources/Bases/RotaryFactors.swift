import Foundation
import Tensors
import WeightFiles

/// `rope_scaling` of type llama3, found again from the factors that GGUF stores in its place.
///
/// llama.cpp writes the factor of each rotary frequency into a tensor and forgets the parameters they came from.
/// There are few in use, so they are tried: the ones that give the tensor are the ones.
struct RotaryFactors: Encodable, Equatable {
    static let tensorName = "rope_freqs.weight"

    let ropeType = "llama3"
    let factor: Double
    let lowFreqFactor: Double
    let highFreqFactor: Double
    let originalMaxPositionEmbeddings: Int

    private enum CodingKeys: String, CodingKey {
        case ropeType, factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings
    }

    /// The scaling of a file; nil when it has no such tensor, or one of ones.
    ///
    /// - Throws: ``BaseError`` with code `.unsupported` for factors of any other origin.
    static func scaling(
        of file: GGUFFile, theta: Double, headDimension: Int, contextLength: Int
    ) throws -> RotaryFactors? {
        guard let tensor = file.tensor(named: tensorName) else { return nil }
        let stored = Vector(
            try file.floats(of: file.requireTensor(named: tensorName, shape: [headDimension / 2]))
        )
        .toArray()
        if stored.allSatisfy({ $0 == 1 }) { return nil }
        let factor = Double(stored.max() ?? 1)
        var originals = [8192, 4096, 2048, 16384, 32768]
        if let stretched = Int(exactly: (Double(contextLength) / factor).rounded()), stretched > 0 {
            originals.append(stretched)
        }
        for original in originals {
            let candidate = RotaryFactors(
                factor: factor, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: original)
            let computed = candidate.factors(theta: theta, headDimension: headDimension)
            // The converter computes them in Float32.
            let matches = zip(computed, stored).allSatisfy { abs($0 - Double($1)) <= 1e-4 * abs($0) }
            if matches { return candidate }
        }
        throw BaseError(
            .unsupported, file.path,
            "tensor '\(tensor.name)' holds rotary factors that are not Llama 3's; take the Hugging Face directory"
        )
    }

    /// By how much each rotary frequency is divided.
    ///
    /// - Source: `generate_extra_tensors` of LlamaModel in llama.cpp's convert_hf_to_gguf.py.
    func factors(theta: Double, headDimension: Int) -> [Double] {
        let original = Double(originalMaxPositionEmbeddings)
        return stride(from: 0, to: headDimension, by: 2).map { index in
            let wavelength = 2 * Double.pi * pow(theta, Double(index) / Double(headDimension))
            if wavelength < original / highFreqFactor { return 1 }
            if wavelength > original / lowFreqFactor { return factor }
            let smooth = (original / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
            return 1 / ((1 - smooth) / factor + smooth)
        }
    }
}
