public import Configurations

extension LoRAConfiguration {
    /// The adapter that the `adapter` section of a run's configuration describes.
    ///
    /// - Parameter base: `base`, recorded as the base's name unless the section gives another.
    public init(_ section: AdapterSection, base: String) {
        self.init()
        loraRank = section.loraRank
        loraAlpha = section.loraAlpha
        loraDropout = section.loraDropout
        targets =
            switch section.targetModules {
            case .allLinear: .allLinear
            case .names(let names): .names(names)
            case .pattern(let pattern): .pattern(pattern)
            }
        layersToTransform = section.layersToTransform
        rankPattern = section.rankPattern.entries.map { Override(pattern: $0.key, value: $0.value) }
        alphaPattern = section.alphaPattern.entries.map { Override(pattern: $0.key, value: $0.value) }
        usesRSLoRA = section.useRSLoRA
        usesDoRA = section.useDoRA
        initialWeights =
            switch section.initialWeights {
            case .zeroB: .zeroB
            case .gaussian: .gaussian
            case .randomB: .randomB
            case .pissa(let iterations): .pissa(iterations: iterations)
            }
        modulesToSave = section.modulesToSave
        bias =
            switch section.bias {
            case .none: .none
            case .all: .all
            case .loraOnly: .loraOnly
            }
        baseModelName = section.baseModelName ?? base
    }
}
