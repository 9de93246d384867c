public import Kernels
public import Tensors

/// The map from a text's first token to the logits of its classes, with the loss behind it:
/// classifier(activation(pooler(hidden))).
public struct ClassificationHead: Sendable {
    /// What follows the first map.
    public enum Activation: Sendable, Equatable {
        case tanh
        /// max(0, x)
        case relu
    }

    public let pooler: LinearLayer
    public let activation: Activation
    /// [K, C], trained whole beside an adapter.
    public let classifier: LinearLayer

    public init(pooler: LinearLayer, activation: Activation, classifier: LinearLayer) {
        self.pooler = pooler
        self.activation = activation
        self.classifier = classifier
    }

    /// K
    public var labelCount: Int { classifier.module.outputCount }
    public var isTrainable: Bool { pooler.isTrainable || classifier.isTrainable }

    /// What one row says: its score and the likeliest class.
    public struct Score: Sendable, Equatable {
        public var token: TokenScore
        public var predictedClass: Int32
    }

    private struct Activations {
        let pooled: Matrix  // [M, C]
        let logits: Matrix  // [M, K]
        let savedPooler: Matrix?
        let savedClassifier: Matrix?
    }

    private func forward(_ hidden: Matrix, pass: LayerPass) -> Activations {
        let pooled = pass.scratch.matrix(rows: hidden.rows, columns: pooler.module.outputCount)
        let logits = pass.scratch.matrix(rows: hidden.rows, columns: labelCount)
        let savedPooler = pooler.forward(output: pooled, input: hidden, pass: pass)
        switch activation {
        case .tanh: tanhForward(output: pooled, input: pooled)
        case .relu: reluForward(output: pooled, input: pooled)
        }
        let savedClassifier = classifier.forward(output: logits, input: pooled, pass: pass)
        return Activations(
            pooled: pooled, logits: logits, savedPooler: savedPooler, savedClassifier: savedClassifier)
    }

    /// Loss of each row and its gradient.
    ///
    /// - Shapes: `dHidden`, `hidden` [M, C]; `targets` [M], each in 0..<K.
    /// - Parameter parts: the rows of each micro-batch, in order.
    /// - Accumulates: nothing; `dHidden`, where wanted, is overwritten.
    /// - Returns: for each of `parts` Σ −log p(target) in nats, in Float64 in row order.
    public func gradient(
        dHidden: Matrix?, hidden: Matrix, targets: [Int32], parts: [Range<Int>], pass: LayerPass
    ) -> [Double] {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let forward = forward(hidden, pass: pass)
        var lossSums = parts.map { _ in 0.0 }
        for (index, part) in parts.enumerated() {
            crossEntropyGradient(
                logits: forward.logits.rows(part), targets: targets[part], lossSum: &lossSums[index])
        }
        let reachesPooler = dHidden != nil || pooler.isTrainable
        guard reachesPooler || classifier.isTrainable else { return lossSums }
        let dPooled =
            reachesPooler
            ? pass.scratch.matrix(rows: hidden.rows, columns: forward.pooled.columns) : nil
        classifier.backward(
            dInput: dPooled, dOutput: forward.logits, input: forward.pooled, saved: forward.savedClassifier,
            pass: pass)
        guard let dPooled else { return lossSums }
        switch activation {
        case .tanh: tanhBackward(dOutput: dPooled, output: forward.pooled)
        case .relu: reluBackward(dOutput: dPooled, output: forward.pooled)
        }
        pooler.backward(
            dInput: dHidden, dOutput: dPooled, input: hidden, saved: forward.savedPooler, pass: pass)
        return lossSums
    }

    /// Loss of each row, and which class is the likeliest (the lowest of equals).
    ///
    /// - Shapes: `hidden` [M, C]; `targets` [M].
    public func scores(hidden: Matrix, targets: [Int32], pass: LayerPass) -> [Score] {
        let scratch = pass.scratch.mark
        defer { pass.scratch.release(to: scratch) }
        let logits = forward(hidden, pass: pass).logits
        let predicted = (0..<logits.rows).map { row in
            let values = logits.row(row).toArray()
            return Int32(values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 })
        }
        var tokens: [TokenScore] = []
        crossEntropyScores(logits: logits, targets: targets[...], into: &tokens)
        return zip(tokens, predicted).map { Score(token: $0, predictedClass: $1) }
    }
}
