import Kernels
import Tensors
import Testing
import Transformers

/// Against Hugging Face and PEFT, within the tolerances of the project's numerics.
@Suite struct LlamaGoldenTests {
    @Test("loss and every LoRA gradient agree with PEFT", arguments: GoldenModel.names)
    func gradientsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        #expect(model.trainable.entries.count == 2 * 7 * 2)
        let parameters = try golden.vector("adapter", layout: model.trainable)
        let gradient = Vector(zeros: model.trainable.count)
        let workspace = model.makeWorkspace()
        let batch = packed(golden.golden.ids, golden.golden.targets)
        for _ in 0..<2 {  // the second pass finds a workspace in use
            let loss = try model.gradient(
                of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 1, step: 1),
                workspace: workspace)
            #expect(loss.tokenCount == Int64(batch.supervisedTokenCount))
            #expect(abs(loss.lossSum / golden.golden.lossSum - 1) <= 1e-4)
            for entry in model.trainable.entries {
                let expected = try golden.tensors.tensor(named: "gradient.\(entry.name)", shape: entry.shape)
                let difference = relativeDifference(
                    gradient[entry.range].toArray(), expected.toArray())
                #expect(difference <= 1e-4, "\(entry.name): \(difference)")
            }
        }
    }

    @Test("ten steps of AdamW from PEFT's initial adapter agree", arguments: GoldenModel.names)
    func tenStepsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        let parameters = try golden.vector("initial", layout: model.trainable)
        let gradient = Vector(zeros: model.trainable.count)
        let workspace = model.makeWorkspace()
        var optimizer = ReferenceAdamW(count: parameters.count, learningRate: golden.golden.learningRate)
        for (index, step) in golden.golden.steps.enumerated() {
            let loss = try model.gradient(
                of: packed(step.ids, step.targets), parameters: parameters, into: gradient,
                pass: TrainingPass(seed: 1, step: UInt32(index + 1)), workspace: workspace)
            let norm = optimizer.step(
                parameters: parameters, gradient: gradient, tokenCount: loss.tokenCount)
            #expect(abs(loss.lossSum / Double(loss.tokenCount) / step.loss - 1) <= 1e-4, "step \(index)")
            #expect(abs(norm / step.gradientNorm - 1) <= 1e-3, "step \(index)")
        }
        for entry in model.trainable.entries {
            let expected = try golden.tensors.tensor(named: "final.\(entry.name)", shape: entry.shape)
            let difference = relativeDifference(parameters[entry.range].toArray(), expected.toArray())
            #expect(difference <= 1e-2, "\(entry.name): \(difference)")
        }
    }
}

/// AdamW as PyTorch defines it, with clipping of the global norm at 1, in Double.
private struct ReferenceAdamW {
    var first: [Double]
    var second: [Double]
    var stepCount = 0
    let learningRate: Double

    init(count: Int, learningRate: Double) {
        first = Array(repeating: 0, count: count)
        second = first
        self.learningRate = learningRate
    }

    /// Returns the norm before clipping.
    mutating func step(parameters: Vector, gradient: Vector, tokenCount: Int64) -> Double {
        stepCount += 1
        var mean = gradient.toArray().map { Double($0) / Double(tokenCount) }
        let norm = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let factor = min(1, 1 / (norm + 1e-6))
        mean = mean.map { $0 * factor }
        var (correction1, correction2) = (1.0, 1.0)
        for _ in 0..<stepCount { (correction1, correction2) = (correction1 * 0.9, correction2 * 0.999) }
        for (i, g) in mean.enumerated() {
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g * g
            let denominator = (second[i] / (1 - correction2)).squareRoot() + 1e-8
            let decayed = Double(parameters[i]) * (1 - learningRate * 0.01)
            parameters[i] = Float(decayed - learningRate * first[i] / (1 - correction1) / denominator)
        }
        return norm
    }
}
