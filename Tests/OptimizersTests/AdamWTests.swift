import DurableFiles
import Optimizers
import Tensors
import Testing

private struct AdamWGolden: Decodable {
    struct Tensor: Decodable {
        let name: String
        let shape: [Int]
    }
    struct Step: Decodable {
        let gradient: [Float]
        let tokens: Int64
        let learningRate: Double
        let gradientNorm: Double
        let parameters: [Float]
    }
    let tensors: [Tensor]
    let weightDecay: Double
    let loraPlusRatio: Double
    let initial: [Float]
    let steps: [Step]
    let firstMoments: [Float]
    let secondMoments: [Float]
}

extension AdamW {
    /// A step on one thread, as TrainingEngine takes it on all of its own.
    @discardableResult
    fileprivate func step(
        _ state: inout TrainingState, gradient: Vector, update: UpdateParameters
    ) throws(OptimizerError) -> GradientScaling {
        let scaling = try GradientScaling(
            squaredSum: GradientNorm.squaredSum(of: gradient), tokenCount: update.tokenCount,
            maxGradientNorm: configuration.maxGradientNorm)
        apply(gradient: gradient, scaling: scaling, update: update, to: state, range: 0..<gradient.count)
        state.step += 1
        return scaling
    }
}

@Suite("AdamW")
struct AdamWTests {
    @Test("ten clipped steps equal PyTorch's, with and without weight decay and LoRA+", arguments: [0, 1])
    func tenStepsEqualPyTorch(goldenIndex: Int) throws {
        let golden = try fixture("optimizers/adamw.json", as: [AdamWGolden].self)[goldenIndex]
        var layout = ParameterLayout()
        for tensor in golden.tensors { layout.append(name: tensor.name, shape: tensor.shape) }
        let configuration = AdamWConfiguration(weightDecay: golden.weightDecay)
        let groups = ParameterGroups(
            layout: layout, weightDecay: golden.weightDecay, loraPlusRatio: golden.loraPlusRatio)
        let optimizer = try AdamW(configuration: configuration, groups: groups)
        var state = TrainingState(initial: Vector(golden.initial))
        var clipped = 0
        for (index, step) in golden.steps.enumerated() {
            let update = UpdateParameters(
                step: index + 1, learningRate: step.learningRate, tokenCount: step.tokens,
                configuration: configuration)
            let scaling = try optimizer.step(&state, gradient: Vector(step.gradient), update: update)
            #expect(abs(scaling.gradientNorm - step.gradientNorm) <= 1e-6 * step.gradientNorm)
            #expect(relativeDifference(state.parameters.toArray(), step.parameters) <= 2e-6)
            clipped += scaling.clipCoefficient < 1 ? 1 : 0
        }
        #expect(state.step == 10)
        #expect(clipped > 0 && clipped < 10, "the golden must have both kinds of step")
        #expect(relativeDifference(state.firstMoments.toArray(), golden.firstMoments) <= 2e-6)
        #expect(relativeDifference(state.secondMoments.toArray(), golden.secondMoments) <= 2e-6)
    }

    @Test("scalar and vector updates give the same bits at every length and offset")
    func variantsAgree() throws {
        for count in [1, 7, 8, 9, 64, 1003] {
            let states = try ArithmeticVariant.allCases.map { variant in
                try updated(count: count, ranges: [0..<count], variant: variant)
            }
            #expect(states[0] == states[1], "\(count) elements")
        }
    }

    @Test("an update in ranges, in any order, gives the bits of one update")
    func rangesAgree() throws {
        let whole = try updated(count: 1003, ranges: [0..<1003], variant: .vector)
        let pieces = try updated(count: 1003, ranges: [500..<1003, 13..<500, 0..<13], variant: .vector)
        #expect(whole == pieces)
    }

    @Test("the bits of an update stay what they are")
    func bitsStay() throws {
        // Computed once on x86-64; any other value means that replicas of two versions would disagree.
        let state = try updatedState(count: 1003, ranges: [0..<1003], variant: .vector)
        #expect(state.digest().hex == "3242766b366f2ea15b1725b7689fd20d19063f2e412dda9b88d4ef0b2d214093")
    }

    @Test("a step whose gradient is not finite leaves the state untouched and names the tensor")
    func nonFiniteIsRefused() throws {
        var layout = ParameterLayout()
        layout.append(name: "a", shape: [3, 5])
        layout.append(name: "b", shape: [20])
        let configuration = AdamWConfiguration()
        let optimizer = try AdamW(
            configuration: configuration, groups: ParameterGroups(layout: layout, weightDecay: 0))
        let gradient = randomVector(35, seed: 5)
        gradient[17] = .infinity
        var state = TrainingState(initial: randomVector(35, seed: 6))
        let before = state.digest()
        let update = UpdateParameters(
            step: 1, learningRate: 1e-3, tokenCount: 4, configuration: configuration)
        let refusal = #expect(throws: OptimizerError.self) {
            try optimizer.step(&state, gradient: gradient, update: update)
        }
        #expect(refusal?.code == .nonFinite)
        #expect(state.digest() == before)
        #expect(state.step == 0)
        let finding = NonFiniteSearch.first(in: gradient, layout: layout)
        #expect(finding?.name == "b")
        #expect(finding?.index == 2)
    }

    @Test("constants outside their range are refused by the name of their key")
    func badConstantsAreRefused() {
        var configuration = AdamWConfiguration()
        configuration.beta2 = 1
        let secondRefusal = #expect(throws: OptimizerError.self) { try configuration.validate() }
        #expect(secondRefusal?.context == "training.adam_beta2")
        configuration = AdamWConfiguration(epsilon: 0)
        #expect(throws: OptimizerError.self) { try configuration.validate() }
        configuration = AdamWConfiguration(maxGradientNorm: .nan)
        #expect(throws: OptimizerError.self) { try configuration.validate() }
    }

    private func updated(count: Int, ranges: [Range<Int>], variant: ArithmeticVariant) throws -> [[UInt32]] {
        try updatedState(count: count, ranges: ranges, variant: variant).sections.map(bits)
    }

    private func updatedState(
        count: Int, ranges: [Range<Int>], variant: ArithmeticVariant
    ) throws -> TrainingState {
        var layout = ParameterLayout()
        layout.append(name: "x.lora_A.weight", shape: [count / 2])
        layout.append(name: "x.lora_B.weight", shape: [1, count - count / 2])
        let configuration = AdamWConfiguration(weightDecay: 0.01)
        let optimizer = try AdamW(
            configuration: configuration,
            groups: ParameterGroups(layout: layout) { entry in
                entry.shape.count > 1
                    ? .init(learningRateMultiplier: 4, weightDecay: 0.01) : .init(learningRateMultiplier: 1)
            })
        let state = TrainingState(initial: randomVector(count, seed: 1))
        for step in 1...3 {
            let gradient = randomVector(count, seed: UInt64(10 + step), range: 50)
            let update = UpdateParameters(
                step: step, learningRate: 1e-3, tokenCount: 77, configuration: configuration)
            let scaling = try GradientScaling(
                squaredSum: GradientNorm.squaredSum(of: gradient), tokenCount: 77, maxGradientNorm: 1)
            for range in ranges {
                optimizer.apply(
                    gradient: gradient, scaling: scaling, update: update, to: state, range: range,
                    variant: variant)
            }
        }
        return state
    }
}
