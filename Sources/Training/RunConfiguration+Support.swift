public import Configurations

extension RunConfiguration {
    /// Throws when the configuration asks for what this version does not do, naming the key.
    ///
    /// - Throws: ``TrainingError`` with code `.unsupported`.
    public func requireSupported() throws(TrainingError) {
        if training.gradientCheckpointing {
            throw TrainingError(
                .unsupported,
                "training.gradient_checkpointing: true is not in this version; remove it, and lower "
                    + "training.max_tokens_per_micro_batch if memory is short")
        }
    }
}
