import Kernels
import Layers
import Tensors

/// What stands behind BERT's blocks.
enum BertHead: Sendable {
    case classification(ClassificationHead)
    case maskedLanguageModel(MaskedLanguageModelHead)

    var isTrainable: Bool {
        switch self {
        case .classification(let head): head.isTrainable
        case .maskedLanguageModel(let head): head.isTrainable
        }
    }

    /// Whether its gradient may be computed for several micro-batches at once: logits that are cut into chunks of rows
    /// may not, where their map is trained.
    var takesSeveralBatches: Bool {
        switch self {
        case .classification: true
        case .maskedLanguageModel(let head): !head.decoder.projection.isTrainable
        }
    }

    /// Loss of each row and its gradient.
    ///
    /// - Shapes, parameters, accumulation: as ``ClassificationHead/gradient(dHidden:hidden:targets:parts:pass:)``.
    func gradient(
        dHidden: Matrix?, hidden: Matrix, targets: [Int32], parts: [Range<Int>], pass: LayerPass
    ) -> [Double] {
        switch self {
        case .classification(let head):
            head.gradient(dHidden: dHidden, hidden: hidden, targets: targets, parts: parts, pass: pass)
        case .maskedLanguageModel(let head):
            head.gradient(dHidden: dHidden, hidden: hidden, targets: targets, parts: parts, pass: pass)
        }
    }

    /// Score of each row, and the class where there are such.
    ///
    /// - Shapes: `hidden` [M, C]; `targets` [M].
    func scores(hidden: Matrix, targets: [Int32], pass: LayerPass) -> [(token: TokenScore, predicted: Int?)] {
        switch self {
        case .classification(let head):
            return head.scores(hidden: hidden, targets: targets, pass: pass).map {
                ($0.token, Int($0.predictedClass))
            }
        case .maskedLanguageModel(let head):
            var scores: [TokenScore] = []
            head.scores(hidden: hidden, targets: targets, into: &scores, pass: pass)
            return scores.map { ($0, nil) }
        }
    }
}
