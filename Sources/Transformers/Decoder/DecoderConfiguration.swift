public import Layers

/// The configuration of a family of causal decoders: beyond its own keys only a design.
public protocol DecoderConfiguration: ModelConfiguration {
    /// How its models are put together.
    var design: DecoderDesign { get }
}

extension DecoderConfiguration {
    public var linearModules: [LinearModule] { design.linearModules }
    public var embeddingModules: [LinearModule] {
        let design = design
        return [design.embeddingModule] + (design.positionModule.map { [$0] } ?? [])
    }
    public var weightShapes: [WeightShape] { design.weightShapes }

    public func workspaceByteCount(
        for batch: BatchExtent, trained: TrainedParts, recomputesActivations: Bool
    ) -> Int {
        DecoderMemory(
            design: design, batch: batch, trained: trained, recomputesActivations: recomputesActivations
        ).byteCount
    }

    public func makeModel(weights: any WeightSource, trained: TrainedParts) throws -> any TransformerModel {
        try CausalDecoder(configuration: self, weights: weights, trained: trained)
    }
}
