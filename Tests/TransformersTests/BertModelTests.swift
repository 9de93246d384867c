import Adapters
import Foundation
import Kernels
import Layers
import Tensors
import Testing
import Transformers

/// BERT, DistilBERT and RoBERTa against transformers and PEFT, finite differences and itself.
@Suite struct BertModelTests {
    @Test(
        "loss, predictions and every gradient, the head's included, agree with PEFT",
        arguments: BertGoldenModel.names)
    func gradientsAgree(name: String) throws {
        let golden = try BertGoldenModel(name)
        let model = try golden.model()
        // Six maps in each of two blocks, the one behind them, and the tensors of a new head.
        #expect(
            model.trainable.entries.count
                == (name == "bert/classification" ? 2 * 13 + 2 : name.hasSuffix("mlm") ? 2 * 13 : 2 * 12 + 4))
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
                // What is added to all keys of a query shifts its scores alike: the gradient is zero but for rounding.
                let difference = relativeDifference(gradient[entry.range].toArray(), expected.toArray())
                #expect(difference <= 1e-4, "\(entry.name): \(difference)")
            }
        }
        let scores = try model.scores(of: batch, parameters: parameters, workspace: workspace)
        let lossSum = scores.reduce(0) { $0 + $1.lossSum }
        #expect(abs(lossSum / golden.golden.lossSum - 1) <= 1e-4)
        #expect(scores.compactMap(\.predictedClass) == golden.golden.predicted)
    }

    @Test("ten steps of AdamW from PEFT's initial adapter and head agree", arguments: BertGoldenModel.names)
    func tenStepsAgree(name: String) throws {
        let golden = try BertGoldenModel(name)
        let model = try golden.model()
        let parameters = try golden.vector("initial", layout: model.trainable)
        let gradient = Vector(zeros: model.trainable.count)
        let workspace = model.makeWorkspace()
        var optimizer = ReferenceAdamW(layout: model.trainable, learningRate: golden.golden.learningRate)
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

    @Test(
        "with everything trained, or one map alone, the gradient is the slope of the loss",
        arguments: BertGoldenModel.names,
        [
            "", "attention.self.value", "attention.output.dense", "intermediate.dense",
            "layer.1.output.dense",
            "pooler.dense", "transform.dense", "predictions.decoder", "attention.k_lin", "ffn.lin1",
            "vocab_transform", "lm_head.dense", "lm_head.decoder",
        ])
    func gradientIsTheSlope(name: String, target: String) throws {
        let golden = try BertGoldenModel(name)
        let adapters = golden.adapters { !target.isEmpty && $0.name.hasSuffix(target) }
        guard target.isEmpty || !adapters.isEmpty else { return }  // a head that this task has not
        let model =
            target.isEmpty
            ? try golden.model(
                TrainedParts(tensors: Set(golden.configuration.weightShapes.map(\.name))))
            : try golden.model(adapters)
        let parameters = Vector(zeros: model.trainable.count)
        for entry in model.trainable.entries {
            let own = try? golden.weights.tensor(named: entry.name, shape: entry.shape)
            for i in 0..<entry.count {
                parameters[entry.offset + i] = own?[i] ?? Float((i * 37) % 11) * 0.03 - 0.12
            }
        }
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let gradient = Vector(zeros: model.trainable.count)
        let loss = try model.gradient(
            of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 9, step: 1),
            workspace: model.makeWorkspace())
        let norm = gradient.toArray().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        func moved(_ step: Double) throws -> Double {
            let point = Vector(parameters.toArray())
            for i in 0..<point.count { point[i] += Float(step * Double(gradient[i]) / norm) }
            return try model.scores(of: batch, parameters: point, workspace: model.makeWorkspace())
                .reduce(0) { $0 + $1.lossSum }
        }
        let h = 3e-3
        let slope = (try moved(h) - moved(-h)) / (2 * h)
        #expect(abs(slope / norm - 1) < 1e-2, "slope \(slope), norm \(norm)")
        #expect(abs(try moved(0) / loss.lossSum - 1) < 1e-5)
    }

    @Test(
        "micro-batches that go through the layers together have the bits they have alone",
        arguments: BertGoldenModel.names)
    func groupedEqualsAlone(name: String) throws {
        let golden = try BertGoldenModel(name)
        let model = try golden.model(golden.adapters(dropout: 0.25))
        let parameters = Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        let whole = packed(golden.golden.ids, golden.golden.targets)
        var batches = whole.sequences.map { sequence in
            MicroBatch(
                tokenIDs: Array(whole.tokenIDs[sequence.range]),
                targets: Array(whole.targets[sequence.range]),
                sequences: [.init(start: 0, count: sequence.count, exampleID: sequence.exampleID)])
        }
        batches.append(whole)
        let pass = TrainingPass(seed: 9, step: 3)
        let together = batches.map { _ in Vector(zeros: model.trainable.count) }
        let count = model.takesSeveralBatches ? batches.count : 1
        let losses = try model.gradient(
            of: Array(batches[..<count]), parameters: parameters, into: Array(together[..<count]), pass: pass,
            workspace: model.makeWorkspace())
        for index in 0..<count {
            let alone = Vector(zeros: model.trainable.count)
            let loss = try model.gradient(
                of: batches[index], parameters: parameters, into: alone, pass: pass,
                workspace: model.makeWorkspace())
            #expect(losses[index] == loss)
            #expect(together[index].toArray() == alone.toArray(), "micro-batch \(index)")
        }
    }

    @Test(
        "blocks that are computed once more on the way back give the same bits",
        arguments: BertGoldenModel.names)
    func recomputedEqualsKept(name: String) throws {
        let golden = try BertGoldenModel(name)
        let model = try golden.model(golden.adapters(dropout: 0.25))
        let parameters = Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        let gradients = (0..<2).map { _ in Vector(zeros: model.trainable.count) }
        var losses: [LossSum] = []
        for (index, recomputes) in [false, true].enumerated() {
            losses.append(
                try model.gradient(
                    of: packed(golden.golden.ids, golden.golden.targets), parameters: parameters,
                    into: gradients[index],
                    pass: TrainingPass(seed: 9, step: 3, memory: .init(recomputes: recomputes)),
                    workspace: model.makeWorkspace()))
        }
        #expect(losses[0] == losses[1])
        #expect(gradients[0].toArray() == gradients[1].toArray())
        #expect(gradients[0].toArray().contains { $0 != 0 })
    }

    @Test("each token sees its whole text and nothing of another")
    func attendsBothWaysWithinATextOnly() throws {
        let golden = try BertGoldenModel("bert/classification")
        let model = try golden.model()
        let parameters = try golden.vector("adapter", layout: model.trainable)
        func losses(_ ids: [[Int32]]) throws -> [Double] {
            try model.scores(
                of: packed(ids, ids.map { [1] + $0.dropFirst().map { _ in -100 } }), parameters: parameters,
                workspace: model.makeWorkspace()
            ).map(\.lossSum)
        }
        let (first, second): ([Int32], [Int32]) = ([2, 9, 10, 11, 3], [2, 20, 21, 3])
        let both = try losses([first, second])
        #expect(try losses([second, first]).reversed().elementsEqual(both))
        #expect(try losses([first]) == [both[0]])
        #expect(try losses([[2, 9, 10, 30, 3]]) != [both[0]])
    }

    @Test("what does not fit is named")
    func refusals() throws {
        let golden = try BertGoldenModel("bert/classification")
        let model = try golden.model()
        let parameters = try golden.vector("adapter", layout: model.trainable)
        func code(_ ids: [Int32], _ target: Int32) -> TransformerError.Code? {
            #expect(throws: TransformerError.self) {
                try model.scores(
                    of: packed([ids], [[target] + ids.dropFirst().map { _ in -100 }]), parameters: parameters,
                    workspace: model.makeWorkspace())
            }?.code
        }
        #expect(code([2, 3], 3) == .invalidBatch)  // a fourth class of three
        #expect(code([2, 5000], 0) == .invalidBatch)
        #expect(code(Array(repeating: 7, count: 65), 0) == .sequenceTooLong)

        let error = #expect(throws: TransformerError.self) {
            try golden.configuration.configured(for: .causalLanguageModel)
        }
        #expect(error?.message.contains("encoder") == true)
        let other = #expect(throws: TransformerError.self) {
            try BertConfiguration(
                json: Data(
                    #"{"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,\#n"vocab_size": 8, "hidden_act": "relu"}"#
                        .replacingOccurrences(of: "\\n", with: " ").utf8))
        }
        #expect(other?.context == "hidden_act")
        // No head for masked tokens.
        var bare = golden.weights
        bare.tensors = bare.tensors.filter { !$0.key.hasPrefix("cls.") }
        let masked = try #require(
            try golden.configuration.configured(for: .maskedLanguageModel) as? BertConfiguration)
        let missing = #expect(throws: TransformerError.self) {
            try BertModel(configuration: masked, weights: bare)
        }
        #expect(missing?.code == .invalidWeights)
    }

    @Test(
        "the estimate of memory is within 15 % of what a thread's workspace holds",
        arguments: [(512, 16), (360, 3)], [false, true])
    func estimateIsClose(_ extent: (tokens: Int, sequences: Int), recomputes: Bool) throws {
        let (tokens, sequences) = extent
        struct ConstantWeights: WeightSource {
            func hasTensor(named name: String) -> Bool { true }
            func tensor(named name: String, shape: [Int]) throws -> Vector {
                Vector([Float](repeating: 0.01, count: shape.reduce(1, *)))
            }
        }
        let base = try BertConfiguration(
            hiddenSize: 192, intermediateSize: 768, layerCount: 8, attentionHeads: 6, vocabularySize: 2000)
        for task in [ModelTask.maskedLanguageModel, .sequenceClassification(labels: ["a", "b"])] {
            let configuration = try #require(try base.configured(for: task) as? BertConfiguration)
            let trained = TrainedParts(
                adapters: Dictionary(
                    uniqueKeysWithValues: configuration.linearModules.filter { !$0.isOutputHead }.map {
                        ($0.name, LoRAModuleSettings(loraRank: 8, loraScaling: 2))
                    }), tensors: Set(configuration.weightShapes.map(\.name).filter(configuration.isOfHead)))
            let model = try BertModel(
                configuration: configuration, weights: ConstantWeights(), trained: trained)
            let length = tokens / sequences
            let supervised = task.labels == nil ? 5 : 1
            let batch = MicroBatch(
                tokenIDs: (0..<tokens).map { Int32($0 % 2000) },
                targets: (0..<tokens).map { $0 % length < supervised ? 1 : MicroBatch.noTarget },
                sequences: (0..<sequences).map {
                    .init(start: $0 * length, count: length, exampleID: UInt32($0))
                })
            let workspace = model.makeWorkspace()
            let parameters = Vector(zeros: model.trainable.count)
            let gradient = Vector(zeros: model.trainable.count)
            for step in 1...2 {
                _ = try model.gradient(
                    of: batch, parameters: parameters, into: gradient,
                    pass: TrainingPass(
                        seed: 1, step: UInt32(step), memory: .init(recomputes: recomputes)),
                    workspace: workspace)
            }
            let estimate = configuration.workspaceByteCount(
                for: BatchExtent(
                    tokenCount: tokens, supervisedCount: supervised * sequences, longestSequence: length),
                trained: trained, recomputesActivations: recomputes)
            let ratio = Double(estimate) / Double(workspace.byteCount)
            #expect((0.85...1.15).contains(ratio), "\(estimate) estimated, \(workspace.byteCount) held")
        }
    }
}
