import Layers
import Transformers

/// One frozen product of a training step: `rows` rows through a linear map, forward or back to its input.
struct FrozenProduct {
    let module: LinearModule
    /// Rows of the activations.
    let rows: Int
    let isForward: Bool

    /// Multiplications and additions.
    var operations: Double {
        2 * Double(rows) * Double(module.inputCount) * Double(module.outputCount)
    }
}

/// The frozen products of one micro-batch in the order in which a step makes them: what no LoRA training of this
/// shape can do without.
struct StepShapes {
    let products: [FrozenProduct]

    /// - Parameters:
    ///   - modules: in forward order, the output head last.
    ///   - tokenCount: N of the micro-batch.
    ///   - supervisedCount: M, its rows with a target: behind the last attention only those are needed.
    ///   - lowestLayer: the lowest block with an adapter; below it nothing goes back.
    init(
        modules: [LinearModule], vocabularySize: Int, tokenCount: Int, supervisedCount: Int,
        lowestLayer: Int = 0
    ) {
        let last = modules.compactMap(\.layer).max() ?? 0
        func isInput(_ module: LinearModule) -> Bool {
            ["q_proj", "k_proj", "v_proj"].contains { module.name.hasSuffix($0) }
        }
        func rows(_ module: LinearModule) -> Int {
            module.layer == last && !isInput(module) ? supervisedCount : tokenCount
        }
        var products: [FrozenProduct] = []
        let blocks = modules.filter { !$0.isOutputHead }
        for module in blocks {
            products.append(FrozenProduct(module: module, rows: rows(module), isForward: true))
        }
        if let head = modules.last(where: \.isOutputHead) {
            let chunk = LanguageModelHead.chunkRows(vocabularySize: vocabularySize)
            for first in stride(from: 0, to: supervisedCount, by: chunk) {
                let rows = min(chunk, supervisedCount - first)
                products.append(FrozenProduct(module: head, rows: rows, isForward: true))
                products.append(FrozenProduct(module: head, rows: rows, isForward: false))
            }
        }
        for module in blocks.reversed() {
            let layer = module.layer ?? 0
            guard layer > lowestLayer || (layer == lowestLayer && !isInput(module)) else { continue }
            products.append(FrozenProduct(module: module, rows: rows(module), isForward: false))
        }
        self.products = products
    }

    var operations: Double { products.reduce(0) { $0 + $1.operations } }
}
