import Collectives
import Coordination
import Tensors
import WireProtocol

/// What the simulated cluster trains: gradients that depend on leaf, step and parameters, cheap to compute, and
/// such that any leaf missed, doubled, stale or added in another order changes the bits.
struct SimulatedTask {
    /// One step done serially.
    struct Reference {
        var gradientDigest: [UInt8]
        var lossSum: Double
        var parameters: [Float]
    }

    let stepCount: UInt64
    /// Leaves of every step; nil for a number between 1 and 9 that differs from step to step.
    let fixedLeafCount: Int?
    let layout = ChunkLayout(parameterCount: 10, chunkElementCount: 3)
    /// What every run must end with, step by step.
    let reference: [Reference]

    init(stepCount: UInt64, leafCount: Int? = nil) {
        self.stepCount = stepCount
        fixedLeafCount = leafCount
        var parameters = Self.initialParameters
        reference = (1...stepCount).map { [layout] step in
            let leaves = leafCount ?? Self.leafCount(step: step)
            let tree = ReductionTree(leafCount: leaves)
            let sum =
                tree.fold((0..<leaves).map { Self.gradient(leaf: $0, step: step, parameters: parameters) }) {
                    zip($0, $1).map { $0 + $1 }
                } ?? []
            let lossSum =
                tree.fold((0..<leaves).map { Self.loss(leaf: $0, step: step, parameters: parameters) }, +)
                ?? 0
            var digest = GradientDigest(chunkCount: layout.count)
            for chunk in 0..<layout.count { digest.add(Vector(sum)[layout.range(chunk)], chunk: chunk) }
            parameters = Self.apply(sum, to: parameters, tokenCount: Int64(10 * leaves))
            return Reference(gradientDigest: digest.finish() ?? [], lossSum: lossSum, parameters: parameters)
        }
    }

    static var initialParameters: [Float] { (0..<10).map { Float($0) * 0.37 - 1 } }

    func leafCount(step: UInt64) -> Int { fixedLeafCount ?? Self.leafCount(step: step) }

    private static func leafCount(step: UInt64) -> Int { 1 + Int(mix(step, 77) % 9) }

    /// The parameters after `step` steps.
    func parameters(after step: UInt64) -> [Float] {
        step == 0 ? Self.initialParameters : reference[Int(step) - 1].parameters
    }

    static func gradient(leaf: Int, step: UInt64, parameters: [Float]) -> [Float] {
        parameters.indices.map { index in
            let random = Float(mix(step &* 1000 &+ UInt64(leaf), UInt64(index)) % 10_007) / 97
            return random * parameters[index] + random - 50
        }
    }

    static func loss(leaf: Int, step: UInt64, parameters: [Float]) -> Double {
        Double(gradient(leaf: leaf, step: step, parameters: parameters)[0]) * 1.1
    }

    static func apply(_ reduced: [Float], to parameters: [Float], tokenCount: Int64) -> [Float] {
        zip(parameters, reduced).map { $0 - 1e-3 * $1 / Float(tokenCount) }
    }

    static func stateDigest(_ parameters: [Float]) -> [UInt8] {
        var digest = GradientDigest(chunkCount: 1)
        digest.add(Vector(parameters), chunk: 0)
        return digest.finish() ?? []
    }

    private static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: first &* 0x1_0000_0001 &+ second)
        return generator.next()
    }
}
