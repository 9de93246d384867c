import Kernels
import Layers
import Tensors
import Testing
import Transformers

/// Tensors of the base that are trained, against Hugging Face and against finite differences.
@Suite struct TrainedBaseTests {
    @Test("loss and the gradient of every tensor agree with Hugging Face", arguments: GoldenModel.names)
    func gradientsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let model = try golden.model(training: golden.configuration.weightShapes)
        #expect(model.trainable.count == golden.configuration.parameterCount)
        #expect(!model.takesSeveralBatches)
        let parameters = try golden.initial(model.trainable)
        // Nothing of what was there before may be left.
        let gradient = Vector([Float](repeating: .nan, count: model.trainable.count))
        let workspace = model.makeWorkspace()
        let batch = packed(golden.golden.ids, golden.golden.targets)
        for _ in 0..<2 {
            let loss = try model.gradient(
                of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 1, step: 1),
                workspace: workspace)
            #expect(abs(loss.lossSum / golden.trained.lossSum - 1) <= 1e-4)
            for entry in model.trainable.entries {
                let expected = try golden.gradients.tensor(named: entry.name, shape: entry.shape).toArray()
                let found = gradient[entry.range].toArray()
                let difference = relativeDifference(found, expected)
                #expect(difference <= 1e-4, "\(entry.name): \(difference)")
            }
        }
    }

    @Test(
        "ten steps of AdamW agree, of all tensors and of the last block with the norm",
        arguments: GoldenModel.names)
    func tenStepsAgree(name: String) throws {
        let golden = try GoldenModel(name)
        let shapes = golden.configuration.weightShapes
        let upper = golden.configuration.weightShapes(lastBlocks: 1, finalNorm: true, head: false)
        #expect(upper.allSatisfy { $0.part == .block(1) || $0.part == .finalNorm })
        for (shapes, expected) in [(shapes, golden.trained.full), (upper, golden.trained.partial)] {
            let model = try golden.model(training: shapes)
            let parameters = try golden.initial(model.trainable)
            let gradient = Vector(zeros: model.trainable.count)
            let workspace = model.makeWorkspace()
            var optimizer = ReferenceAdamW(
                layout: model.trainable, learningRate: golden.golden.learningRate, decaysVectors: false)
            for (index, step) in golden.golden.steps.enumerated() {
                let loss = try model.gradient(
                    of: packed(step.ids, step.targets), parameters: parameters, into: gradient,
                    pass: TrainingPass(seed: 1, step: UInt32(index + 1)), workspace: workspace)
                let norm = optimizer.step(
                    parameters: parameters, gradient: gradient, tokenCount: loss.tokenCount)
                let mean = loss.lossSum / Double(loss.tokenCount)
                #expect(abs(mean / expected[index].loss - 1) <= 1e-4, "step \(index)")
                #expect(abs(norm / expected[index].gradientNorm - 1) <= 1e-3, "step \(index)")
            }
        }
    }

    @Test(
        "with one tensor trained, its gradient is that of training all, and nothing below is computed",
        arguments: GoldenModel.names)
    func singleTensors(name: String) throws {
        let golden = try GoldenModel(name)
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let pass = TrainingPass(seed: 1, step: 1)
        let whole = try golden.model(training: golden.configuration.weightShapes)
        let all = Vector(zeros: whole.trainable.count)
        _ = try whole.gradient(
            of: batch, parameters: golden.initial(whole.trainable), into: all, pass: pass,
            workspace: whole.makeWorkspace())
        for shape in golden.configuration.weightShapes {
            let model = try golden.model(training: [shape])
            let gradient = Vector([Float](repeating: .nan, count: model.trainable.count))
            let workspace = model.makeWorkspace()
            _ = try model.gradient(
                of: batch, parameters: golden.initial(model.trainable), into: gradient, pass: pass,
                workspace: workspace)
            let entry = try #require(whole.trainable.entry(named: shape.name))
            #expect(gradient.toArray() == all[entry.range].toArray(), "\(shape.name)")
        }
    }

    @Test(
        "with some tensors trained, the loss rises along their gradient by its norm",
        arguments: [[0, 1], [7, 10], [8], [9], [2, 6], [3], [1, 11], [19], [0]])
    func agreesWithFiniteDifferences(indices: [Int]) throws {
        let golden = try GoldenModel("llama3-tied")
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let shapes = indices.map { golden.configuration.weightShapes[$0] }
        let model = try golden.model(training: shapes)
        let parameters = try golden.initial(model.trainable)
        let gradient = Vector(zeros: model.trainable.count)
        let workspace = model.makeWorkspace()
        _ = try model.gradient(
            of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 1, step: 1),
            workspace: workspace)
        let norm = gradient.toArray().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        func moved(_ step: Double) throws -> Double {
            let point = Vector(parameters.toArray())
            for i in 0..<point.count { point[i] += Float(step * Double(gradient[i]) / norm) }
            return try model.scores(of: batch, parameters: point, workspace: workspace)
                .reduce(0) { $0 + $1.lossSum }
        }
        let h = 1e-2
        let slope = (try moved(h) - moved(-h)) / (2 * h)
        #expect(abs(slope / norm - 1) < 5e-3, "\(shapes.map(\.name)): slope \(slope), norm \(norm)")
    }

    @Test("a tied head is the embedding's matrix, and training the head alone trains it")
    func tiedHead() throws {
        let golden = try GoldenModel("llama3-tied")
        let head = golden.configuration.weightShapes(lastBlocks: 0, finalNorm: false, head: true)
        #expect(head.map(\.name) == ["model.embed_tokens.weight"])
        let untied = try GoldenModel("llama-untied").configuration
        #expect(
            untied.weightShapes(lastBlocks: 0, finalNorm: false, head: true).map(\.name)
                == ["lm_head.weight"])
    }

    @Test("a batch without targets has a gradient of zeros, and unknown tensors are refused by name")
    func edges() throws {
        let golden = try GoldenModel("llama-untied")
        var silent = packed(golden.golden.ids, golden.golden.targets)
        silent.targets = silent.targets.map { _ in MicroBatch.noTarget }
        let model = try golden.model(training: golden.configuration.weightShapes)
        let gradient = Vector([Float](repeating: .nan, count: model.trainable.count))
        let loss = try model.gradient(
            of: silent, parameters: golden.initial(model.trainable), into: gradient,
            pass: TrainingPass(seed: 1, step: 1), workspace: model.makeWorkspace())
        #expect(loss == LossSum() && gradient.toArray().allSatisfy { $0 == 0 })
        let error = #expect(throws: TransformerError.self) {
            try CausalDecoder(
                configuration: golden.configuration, weights: golden.weights,
                trained: TrainedParts(tensors: ["model.layers.2.mlp.up_proj.weight"]))
        }
        #expect(error?.message.contains("model.layers.2.mlp.up_proj.weight") == true)
    }
}
