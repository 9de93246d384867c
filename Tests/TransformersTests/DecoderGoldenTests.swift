import Kernels
import Tensors
import Testing
import Transformers

/// Against Hugging Face and PEFT, within the tolerances of the project's numerics.
@Suite struct DecoderGoldenTests {
    @Test("loss and every LoRA gradient agree with PEFT", arguments: GoldenModel.names)
    func gradientsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(golden.allLinear)
        #expect(model.trainable.entries.count == 2 * (golden.configuration.linearModules.count - 1))
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
        var optimizer = ReferenceAdamW(
            layout: model.trainable, learningRate: golden.golden.learningRate)
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
