import Adapters
import Kernels
import Layers
import Tensors
import Testing
import Transformers

@Suite struct CausalDecoderTests {
    private let golden: GoldenModel
    private let batch: MicroBatch

    init() throws {
        golden = try GoldenModel("llama3-tied")
        batch = packed(golden.golden.ids, golden.golden.targets)
    }

    private func gradient(
        _ adapters: [String: any LinearAdapterSettings], of other: GoldenModel? = nil,
        batch: MicroBatch? = nil, step: UInt32 = 1
    ) throws -> (loss: LossSum, gradient: Vector, model: CausalDecoder) {
        let golden = other ?? self.golden
        let model = try golden.model(adapters)
        let parameters = Vector(zeros: model.trainable.count)
        for entry in model.trainable.entries {
            // Adapters of the head have no golden values; any will do there.
            let values = try? golden.tensors.tensor(named: "adapter.\(entry.name)", shape: entry.shape)
            for i in 0..<entry.count where values == nil {
                parameters[entry.offset + i] = Float(i % 7) * 0.02
            }
            if let values { parameters[entry.range].copy(from: values) }
        }
        let gradient = Vector(zeros: model.trainable.count)
        let loss = try model.gradient(
            of: batch ?? self.batch, parameters: parameters, into: gradient,
            pass: TrainingPass(seed: 9, step: step), workspace: model.makeWorkspace())
        return (loss, gradient, model)
    }

    @Test(
        "micro-batches that go through the layers together have the bits they have alone",
        arguments: ["llama3-tied", "gpt2", "qwen3"])
    func groupedEqualsAlone(name: String) throws {
        let golden = try GoldenModel(name)
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let adapters = golden.adapters { _ in true }.mapValues { settings -> any LinearAdapterSettings in
            LoRAModuleSettings(loraRank: 3, loraScaling: 0.7, dropout: 0.25)
        }.filter { $0.key != "lm_head" }
        let model = try golden.model(adapters)
        let parameters = Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        let whole = batch
        var batches = whole.sequences.map { sequence in
            MicroBatch(
                tokenIDs: Array(whole.tokenIDs[sequence.range]),
                targets: Array(whole.targets[sequence.range]),
                sequences: [.init(start: 0, count: sequence.count, exampleID: sequence.exampleID)])
        }
        batches.append(whole)
        var unsupervised = whole
        unsupervised.targets = unsupervised.targets.map { _ in MicroBatch.noTarget }
        batches.insert(unsupervised, at: 1)
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
            #expect(index == 1 || alone.toArray().contains { $0 != 0 })
        }
    }

    @Test(
        "blocks that are computed once more on the way back give the same bits",
        arguments: ["llama3-tied", "gpt2", "qwen3"], [false, true])
    func recomputedEqualsKept(name: String, trainsBase: Bool) throws {
        let golden = try GoldenModel(name)
        let adapters = golden.adapters { _ in true }.mapValues { _ -> any LinearAdapterSettings in
            LoRAModuleSettings(loraRank: 3, loraScaling: 0.7, dropout: 0.25)
        }
        let model =
            try trainsBase
            ? golden.model(training: golden.configuration.weightShapes) : golden.model(adapters)
        let parameters =
            try trainsBase
            ? golden.initial(model.trainable)
            : Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        let workspaces = [model.makeWorkspace(), model.makeWorkspace()]
        let gradients = workspaces.map { _ in Vector(zeros: model.trainable.count) }
        var losses: [LossSum] = []
        for (index, recomputes) in [false, true].enumerated() {
            losses.append(
                try model.gradient(
                    of: packed(golden.golden.ids, golden.golden.targets), parameters: parameters,
                    into: gradients[index],
                    pass: TrainingPass(seed: 9, step: 3, memory: .init(recomputes: recomputes)),
                    workspace: workspaces[index]))
        }
        #expect(losses[0] == losses[1])
        #expect(gradients[0].toArray() == gradients[1].toArray())
        #expect(gradients[0].toArray().contains { $0 != 0 })
    }

    @Test(
        "with adapters on some modules only, their gradients agree with finite differences",
        arguments: [
            "model.layers.1.mlp.down_proj", "model.layers.1.mlp.up_proj", "model.layers.1.self_attn.o_proj",
            "model.layers.1.self_attn.v_proj", "model.layers.0.mlp.down_proj", "model.layers.0.mlp.gate_proj",
            "model.layers.0.self_attn.o_proj", "model.layers.0.self_attn.k_proj", "lm_head",
            "transformer.h.1.mlp.c_proj", "transformer.h.1.mlp.c_fc", "transformer.h.0.attn.c_proj",
            "transformer.h.0.attn.c_attn",
        ])
    func partialTargets(target: String) throws {
        let golden = try target.hasPrefix("transformer") ? GoldenModel("gpt2") : golden
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let adapters = golden.adapters { $0.name == target }
        let (loss, gradient, model) = try gradient(adapters, of: golden, batch: batch)
        #expect(model.trainable.entries.count == 2)
        let parameters = Vector(zeros: model.trainable.count)
        for entry in model.trainable.entries {
            for i in 0..<entry.count { parameters[entry.offset + i] = Float(i % 7) * 0.02 }
        }
        if target != "lm_head" {
            parameters.copy(from: try golden.vector("adapter", layout: model.trainable))
        }
        // Along the gradient itself the loss must rise by its squared norm.
        let norm = gradient.toArray().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        func moved(_ step: Double) throws -> Double {
            let point = Vector(parameters.toArray())
            for i in 0..<point.count { point[i] += Float(step * Double(gradient[i]) / norm) }
            return try model.scores(of: batch, parameters: point, workspace: model.makeWorkspace())
                .reduce(0) { $0 + $1.lossSum }
        }
        let h = 1e-2
        let slope = (try moved(h) - moved(-h)) / (2 * h)
        #expect(abs(slope / norm - 1) < 5e-3, "slope \(slope), norm \(norm)")
        #expect(abs(try moved(0) / loss.lossSum - 1) < 1e-5)
    }

    @Test("an adapter with B = 0 leaves the base's loss, to the bit")
    func zeroAdapterIsTheBase() throws {
        let model = try golden.model(golden.allLinear)
        let parameters = try golden.vector("initial", layout: model.trainable)
        let base = try golden.model([:])
        let adapted = try model.scores(of: batch, parameters: parameters, workspace: model.makeWorkspace())
        let plain = try base.scores(
            of: batch, parameters: Vector(zeros: 0), workspace: base.makeWorkspace())
        #expect(adapted == plain)
    }

    @Test(
        "a used workspace gives the bits of a fresh one and stops growing",
        arguments: ["llama3-tied", "gpt2", "qwen3"])
    func workspacesAreReused(name: String) throws {
        let golden = try GoldenModel(name)
        let batch = packed(golden.golden.ids, golden.golden.targets)
        let model = try golden.model(golden.adapters(dropout: 0.3) { _ in true })
        let parameters = Vector(zeros: model.trainable.count)
        for i in 0..<parameters.count { parameters[i] = Float(i % 11) * 0.01 - 0.05 }
        func run(_ batch: MicroBatch, _ workspace: DecoderWorkspace) throws -> [Float] {
            let gradient = Vector(zeros: model.trainable.count)
            _ = try model.gradient(
                of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 1, step: 2),
                workspace: workspace)
            return gradient.toArray()
        }
        let small = packed([golden.golden.ids[0]], [golden.golden.targets[0]])
        let used = model.makeWorkspace()
        let first = try run(small, used)
        let large = try run(batch, used)
        _ = try run(batch, used)
        let byteCount = used.byteCount
        #expect(try run(small, used) == first)
        #expect(try run(batch, used) == large)
        #expect(try run(batch, model.makeWorkspace()) == large)
        #expect(used.byteCount == byteCount)
    }

    @Test("dropout changes with the step, not with a sequence's place in the packing")
    func dropoutIsCounterBased() throws {
        let adapters = golden.adapters(dropout: 0.5) { !$0.isOutputHead }
        let one = try gradient(adapters)
        let again = try gradient(adapters)
        let next = try gradient(adapters, step: 2)
        let without = try gradient(golden.allLinear)
        #expect(one.gradient.toArray() == again.gradient.toArray())
        #expect(one.loss != next.loss && one.loss != without.loss)

        var reordered = packed(golden.golden.ids.reversed(), golden.golden.targets.reversed())
        for index in reordered.sequences.indices { reordered.sequences[index].exampleID = UInt32(3 - index) }
        let other = try gradient(adapters, batch: reordered)
        #expect(abs(other.loss.lossSum / one.loss.lossSum - 1) < 1e-5)
        #expect(relativeDifference(other.gradient.toArray(), one.gradient.toArray()) < 1e-4)
    }

    @Test(
        "tokens behind the last target change neither loss nor gradient, to the bit, and take no memory",
        arguments: ["llama3-tied", "gpt2", "qwen3"])
    func nothingBehindTheLastTargetCounts(name: String) throws {
        let golden = try GoldenModel(name)
        let ids = golden.golden.ids
        let targets = golden.golden.targets.enumerated().map { index, row in
            row.enumerated().map { offset, target in
                index != 2 && offset < row.count / 2 + index % 2 ? target : MicroBatch.noTarget
            }
        }
        let whole = packed(ids, targets)
        var short = MicroBatch()
        for sequence in whole.sequences {
            var rows = sequence.range
            while let last = rows.last, whole.targets[last] == MicroBatch.noTarget { rows.removeLast() }
            guard !rows.isEmpty else { continue }
            short.sequences.append(
                .init(start: short.tokenCount, count: rows.count, exampleID: sequence.exampleID))
            short.tokenIDs += whole.tokenIDs[rows]
            short.targets += whole.targets[rows]
        }
        #expect(short.tokenCount < whole.tokenCount && short.sequences.count < whole.sequences.count)
        let model = try golden.model(golden.adapters(dropout: 0.3) { !$0.isOutputHead })
        let parameters = Vector((0..<model.trainable.count).map { Float(($0 * 37) % 101) / 400 - 0.12 })
        func run(_ batch: MicroBatch) throws -> (loss: LossSum, gradient: [Float], byteCount: Int) {
            let (gradient, workspace) = (Vector(zeros: model.trainable.count), model.makeWorkspace())
            let loss = try model.gradient(
                of: batch, parameters: parameters, into: gradient, pass: TrainingPass(seed: 3, step: 1),
                workspace: workspace)
            return (loss, gradient.toArray(), workspace.byteCount)
        }
        let (first, second) = (try run(whole), try run(short))
        #expect(first.loss == second.loss && first.loss.tokenCount > 0)
        #expect(first.gradient == second.gradient && first.gradient.contains { $0 != 0 })
        #expect(first.byteCount == second.byteCount)
    }

    @Test("a batch without targets has no loss and no gradient")
    func nothingSupervised() throws {
        var silent = batch
        silent.targets = silent.targets.map { _ in MicroBatch.noTarget }
        let result = try gradient(golden.allLinear, batch: silent)
        #expect(result.loss == LossSum())
        #expect(result.gradient.toArray().allSatisfy { $0 == 0 })
    }

    @Test("batches that do not fit are refused")
    func refusesBatches() throws {
        func code(_ change: (inout MicroBatch) -> Void) -> TransformerError.Code? {
            var changed = batch
            change(&changed)
            return #expect(throws: TransformerError.self) {
                try gradient(golden.allLinear, batch: changed)
            }?.code
        }
        #expect(code { $0.tokenIDs[3] = 96 } == .invalidBatch)
        #expect(code { $0.tokenIDs[3] = -1 } == .invalidBatch)
        #expect(code { $0.targets[3] = 96 } == .invalidBatch)
        #expect(code { $0.targets[3] = -2 } == .invalidBatch)
        #expect(code { $0.targets.removeLast() } == .invalidBatch)
        #expect(code { $0.sequences.removeLast() } == .invalidBatch)
        #expect(code { $0.sequences[1].start += 1 } == .invalidBatch)
        #expect(code { $0.sequences[1].count = .max } == .invalidBatch)
        #expect(code { $0.sequences[1].count = 0 } == .invalidBatch)
        #expect(code { $0.sequences[2].prefix = 0 } == .invalidBatch)
        let long = [[Int32]](repeating: Array(repeating: 4, count: 257), count: 1)
        #expect(code { $0 = packed(long, long) } == .sequenceTooLong)
    }

    @Test("an adapter for a module that is not there is refused by name")
    func unknownModule() throws {
        let error = #expect(throws: TransformerError.self) {
            try golden.model(["model.layers.2.mlp.up_proj": LoRAModuleSettings(loraRank: 1, loraScaling: 1)])
        }
        #expect(error?.code == .unknownModule)
        #expect(error?.message.contains("model.layers.2.mlp.up_proj") == true)
    }

    @Test("a base that is no longer intact stops the pass")
    func brokenBase() throws {
        let model = try CausalDecoder(
            configuration: golden.configuration, weights: BrokenWeights(weights: golden.weights))
        #expect(throws: BrokenWeights.Broken.self) {
            try model.scores(of: batch, parameters: Vector(zeros: 0), workspace: model.makeWorkspace())
        }
    }
}

private struct BrokenWeights: WeightSource {
    struct Broken: Error {}
    var weights: MemoryWeights
    func hasTensor(named name: String) -> Bool { weights.hasTensor(named: name) }
    func tensor(named name: String, shape: [Int]) throws -> Vector {
        try weights.tensor(named: name, shape: shape)
    }
    func checkIntact() throws { throw Broken() }
}
