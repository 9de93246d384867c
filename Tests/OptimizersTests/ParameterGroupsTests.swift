import Optimizers
import Tensors
import Testing

@Suite("Parameter groups")
struct ParameterGroupsTests {
    private var layout: ParameterLayout {
        var layout = ParameterLayout()
        layout.append(name: "l.0.q_proj.lora_A.weight", shape: [2, 4])
        layout.append(name: "l.0.q_proj.lora_B.weight", shape: [4, 2])
        layout.append(name: "l.0.q_proj.lora_magnitude_vector", shape: [4])
        layout.append(name: "l.0.norm.weight", shape: [4])
        layout.append(name: "l.1.q_proj.lora_A.weight", shape: [2, 4])
        return layout
    }

    @Test("tensors with equal settings form one segment")
    func plainLoRAIsOneSegment() {
        let groups = ParameterGroups(layout: layout, weightDecay: 0)
        #expect(groups.segments.map(\.range) == [0..<32])
    }

    @Test("LoRA+ multiplies the rate of B and of vectors; biases and norms do not decay")
    func segmentsFollowNamesAndShapes() {
        let groups = ParameterGroups(layout: layout, weightDecay: 0.1, loraPlusRatio: 16)
        #expect(groups.segments.map(\.range) == [0..<8, 8..<20, 20..<24, 24..<32])
        #expect(groups.segments.map(\.settings.learningRateMultiplier) == [1, 16, 16, 1])
        #expect(groups.segments.map(\.settings.weightDecay) == [0.1, 0.1, 0, 0.1])
    }

    @Test("LoRA+ gives adapters of embeddings their own small rate")
    func embeddings() {
        var layout = ParameterLayout()
        layout.append(name: "m.wte.lora_embedding_A", shape: [2, 4])
        layout.append(name: "m.wte.lora_embedding_B", shape: [4, 2])
        layout.append(name: "m.wte.lora_magnitude_vector", shape: [4])
        layout.append(name: "m.wte2.lora_A.weight", shape: [2, 4])
        let groups = ParameterGroups(
            layout: layout, weightDecay: 0, loraPlusRatio: 16, peakLearningRate: 1e-3)
        #expect(groups.segments.map(\.range) == [0..<20, 20..<28])
        #expect(groups.segments.map(\.settings.learningRateMultiplier) == [1e-6 / 1e-3, 1])
        let plain = ParameterGroups(layout: layout, weightDecay: 0, peakLearningRate: 1e-3)
        #expect(plain.segments.map(\.settings.learningRateMultiplier) == [1])
    }

    @Test("frozen elements have no rate and no decay, and cut the segments around them")
    func freezing() {
        let groups = ParameterGroups(layout: layout, weightDecay: 0.1).freezing([
            4..<8, 9..<10, 10..<11, 30..<32,
        ])
        #expect(
            groups.segments.map(\.range)
                == [0..<4, 4..<8, 8..<9, 9..<10, 10..<11, 11..<20, 20..<24, 24..<30, 30..<32])
        #expect(groups.segments.map(\.settings.learningRateMultiplier) == [1, 0, 1, 0, 0, 1, 1, 1, 0])
        #expect(groups.segments.map(\.settings.weightDecay) == [0.1, 0, 0.1, 0, 0, 0.1, 0, 0.1, 0])
        let plain = ParameterGroups(layout: layout, weightDecay: 0)
        #expect(plain.freezing([4..<8]) == plain)
    }
}
