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

    @Test("LoRA+ multiplies the rate of B; biases and norms do not decay")
    func segmentsFollowNamesAndShapes() {
        let groups = ParameterGroups(layout: layout, weightDecay: 0.1, loraPlusRatio: 16)
        #expect(groups.segments.map(\.range) == [0..<8, 8..<16, 16..<20, 20..<24, 24..<32])
        #expect(groups.segments.map(\.settings.learningRateMultiplier) == [1, 16, 1, 1, 1])
        #expect(groups.segments.map(\.settings.weightDecay) == [0.1, 0.1, 0.1, 0, 0.1])
    }
}
