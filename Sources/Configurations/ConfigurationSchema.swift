/// The one list of configuration keys, in the order in which they are written.
package enum ConfigurationSchema {
    /// Every key.
    package static let keys: [ConfigurationKey] =
        top + data + adapter + partial + training + evaluation + checkpoint + cluster + telemetry

    /// The sections in the order in which they are written, each with what it is about.
    package static let sections: [(name: String, summary: String)] = [
        ("data", "rows to train on and how they become sequences"),
        ("adapter", "the LoRA adapter (method: lora), with PEFT's names and meanings"),
        ("partial", "which parts of the base are trained (method: partial)"),
        ("training", "optimizer, length of the run, and how a step is cut into micro-batches"),
        ("evaluation", "when the validation rows are measured"),
        ("checkpoint", "when the state of the run is written"),
        ("cluster", "how workers and coordinator work together; changes no bit of the result"),
        ("telemetry", "what is written beside the run's own files"),
    ]

    /// The key at `path`, or nil.
    package static func key(_ path: String) -> ConfigurationKey? { byPath[path] }

    /// Whether there is a section of that name.
    package static func isSection(_ name: String) -> Bool { sections.contains { $0.name == name } }

    private static let byPath = Dictionary(keys.map { ($0.path, $0) }) { first, _ in first }

    private static let top = [
        ConfigurationKey(
            "base", \.base, "a folder in Hugging Face's layout, a .gguf file, or a Hub id org/name[@revision]"
        ),
        ConfigurationKey("method", \.method, "what is trained: lora, partial or full"),
        ConfigurationKey(
            "objective", \.objective,
            "what the loss asks: causal, mlm or classification; null: what base and rows are for"),
    ]

    private static let data = [
        ConfigurationKey("data.train", \.data.train, "files of rows to train on: JSONL, also .gz") {
            $0.isEmpty ? "at least one file" : nil
        },
        ConfigurationKey("data.valid", \.data.valid, "files of rows to evaluate on"),
        ConfigurationKey(
            "data.valid_fraction", \.data.validFraction, "or: the share of the training rows kept back for it"
        ) {
            within($0, "more than 0 and less than 1") { $0 > 0 && $0 < 1 }
        },
        ConfigurationKey(
            "data.columns", \.data.columns, "names your rows have instead of Shoal's, as {prompt: question}"
        ) {
            $0.entries.compactMap { columnProblem($0.key) }.first
        },
        ConfigurationKey(
            "data.labels", \.data.labels,
            "the classes of rows of text and label, in order; empty: those of the data"
        ) {
            $0.count == 1 || Set($0).count < $0.count ? "at least two different names, or none" : nil
        },
        ConfigurationKey(
            "data.max_sequence_length", \.data.maxSequenceLength,
            "longest sequence in tokens; longer prompts lose their left end"
        ) {
            atLeast(2, $0)
        },
        ConfigurationKey("data.packing", \.data.packing, "whether a micro-batch may hold several sequences"),
        ConfigurationKey(
            "data.shuffle", \.data.shuffle, "whether each epoch permutes the rows (by the seed)"),
        ConfigurationKey(
            "data.train_on", \.data.trainOn, "chats: loss on what the assistant says, or on all"),
        ConfigurationKey(
            "data.chat_template", \.data.chatTemplate, "name of a chat template instead of the base's own"),
    ]

    private static let adapter = [
        ConfigurationKey("adapter.r", \.adapter.loraRank, "rank of the update") { atLeast(1, $0) },
        ConfigurationKey("adapter.lora_alpha", \.adapter.loraAlpha, "the update is scaled by lora_alpha / r")
        {
            $0 > 0 ? nil : "more than 0"
        },
        ConfigurationKey(
            "adapter.lora_dropout", \.adapter.loraDropout, "probability that an input of A is zeroed"
        ) {
            $0 >= 0 && $0 < 1 ? nil : "at least 0 and less than 1"
        },
        ConfigurationKey(
            "adapter.target_modules", \.adapter.targetModules,
            "all-linear, a list of module names, or one regular expression in quotes"),
        ConfigurationKey(
            "adapter.layers_to_transform", \.adapter.layersToTransform,
            "indices of the blocks that are adapted; null: all"
        ) {
            ($0 ?? []).contains { $0 < 0 } || $0 == [] ? "indices of 0 or more, or null for all" : nil
        },
        ConfigurationKey(
            "adapter.rank_pattern", \.adapter.rankPattern,
            "other ranks, as {\"regular expression or name\": 4}"
        ) {
            $0.entries.allSatisfy { $0.value >= 1 } ? nil : "ranks of 1 or more"
        },
        ConfigurationKey(
            "adapter.alpha_pattern", \.adapter.alphaPattern,
            "other alphas, as {\"regular expression or name\": 8}"
        ) {
            $0.entries.allSatisfy { $0.value > 0 } ? nil : "alphas of more than 0"
        },
        ConfigurationKey("adapter.use_rslora", \.adapter.useRSLoRA, "scale by lora_alpha / sqrt(r)"),
        ConfigurationKey("adapter.use_dora", \.adapter.useDoRA, "weight-decomposed adapters"),
        ConfigurationKey(
            "adapter.init_lora_weights", \.adapter.initialWeights,
            "true: B starts at zero; gaussian: A normal, B zero; false: B random; pissa: singular vectors"),
        ConfigurationKey(
            "adapter.modules_to_save", \.adapter.modulesToSave, "modules trained whole beside the adapter"),
        ConfigurationKey(
            "adapter.bias", \.adapter.bias,
            "biases of the base that are trained: none, all, lora_only (those of adapted modules)"),
        ConfigurationKey(
            "adapter.init_from", \.adapter.initFrom, "a PEFT directory whose adapter training starts from"),
        ConfigurationKey(
            "adapter.base_model_name", \.adapter.baseModelName,
            "base_model_name_or_path to write instead of `base`"),
    ]

    private static let partial = [
        ConfigurationKey("partial.layers", \.partial.layers, "blocks trained, counted from the top") {
            atLeast(0, $0)
        },
        ConfigurationKey(
            "partial.final_norm", \.partial.finalNorm, "whether the final normalisation is trained"),
        ConfigurationKey("partial.head", \.partial.head, "whether the language-model head is trained"),
    ]

    private static let training = [
        ConfigurationKey(
            "training.max_steps", \.training.maxSteps, "optimizer steps; null: num_train_epochs decides",
            mayDifferOnResume: true
        ) {
            within($0, "1 or more, or null") { $0 >= 1 }
        },
        ConfigurationKey(
            "training.num_train_epochs", \.training.numTrainEpochs, "passes over the data, may be a fraction",
            mayDifferOnResume: true
        ) {
            $0 > 0 && $0 <= 1e6 ? nil : "more than 0"
        },
        ConfigurationKey(
            "training.batch_size", \.training.batchSize,
            "examples of one optimizer step, over the whole cluster"
        ) { atLeast(1, $0) },
        ConfigurationKey(
            "training.learning_rate", \.training.learningRate,
            "peak rate; null: 2e-4 for lora, 5e-5 otherwise"
        ) {
            within($0, "more than 0") { $0 > 0 }
        },
        ConfigurationKey(
            "training.lr_scheduler_type", \.training.schedule, "constant, linear or cosine, after warm-up"),
        ConfigurationKey(
            "training.warmup_ratio", \.training.warmupRatio,
            "share of the steps in which the rate rises to its peak"
        ) {
            $0 >= 0 && $0 <= 1 ? nil : "from 0 to 1"
        },
        ConfigurationKey("training.weight_decay", \.training.weightDecay, "decoupled weight decay of AdamW") {
            $0 >= 0 ? nil : "0 or more"
        },
        ConfigurationKey(
            "training.adam_beta1", \.training.adamBeta1, "decay of AdamW's first moment", check: beta),
        ConfigurationKey(
            "training.adam_beta2", \.training.adamBeta2, "decay of AdamW's second moment", check: beta),
        ConfigurationKey("training.adam_epsilon", \.training.adamEpsilon, "added outside the root") {
            $0 > 0 ? nil : "more than 0"
        },
        ConfigurationKey(
            "training.max_grad_norm", \.training.maxGradNorm, "largest global gradient norm; 0: no clipping"
        ) {
            $0 >= 0 ? nil : "0 or more"
        },
        ConfigurationKey(
            "training.loraplus_lr_ratio", \.training.loraPlusRatio,
            "LoRA+: B's learning rate over A's; null: 1"
        ) {
            within($0, "more than 0") { $0 > 0 }
        },
        ConfigurationKey("training.seed", \.training.seed, "key of every random number of the run"),
        ConfigurationKey(
            "training.micro_batches", \.training.microBatches,
            "micro-batches a step is cut into: so many threads it can feed"
        ) {
            atLeast(1, $0)
        },
        ConfigurationKey(
            "training.max_tokens_per_micro_batch", \.training.maxTokensPerMicroBatch,
            "a micro-batch of several sequences holds no more tokens"
        ) {
            atLeast(1, $0)
        },
        ConfigurationKey(
            "training.gradient_checkpointing", \.training.gradientCheckpointing,
            "compute blocks once more on the way back instead of keeping activations: true, false, or auto",
            mayDifferOnResume: true),
        ConfigurationKey(
            "training.activation_cache_mb", \.training.activationCache,
            "MiB a worker keeps, from epoch to epoch, of what frozen blocks below the lowest adapter make of texts",
            mayDifferOnResume: true
        ) {
            $0 >= 0 && $0 <= 1 << 24 ? nil : "from 0 to 16777216"
        },
        ConfigurationKey(
            "training.on_non_finite", \.training.onNonFinite,
            "what a loss or gradient that is not finite does: stop or skip"),
    ]

    private static let evaluation = [
        ConfigurationKey(
            "evaluation.every_steps", \.evaluation.every, "steps between evaluations, 0 for never, or epoch",
            mayDifferOnResume: true),
        ConfigurationKey(
            "evaluation.early_stopping_patience", \.evaluation.earlyStoppingPatience,
            "evaluations without a better loss that end the run; null: none do", mayDifferOnResume: true
        ) {
            within($0, "1 or more, or null") { $0 >= 1 }
        },
    ]

    private static let checkpoint = [
        ConfigurationKey(
            "checkpoint.every_steps", \.checkpoint.every,
            "steps between checkpoints, 0 for the last only, or epoch", mayDifferOnResume: true),
        ConfigurationKey(
            "checkpoint.keep", \.checkpoint.keep, "newest checkpoints that stay on disk",
            mayDifferOnResume: true
        ) { atLeast(1, $0) },
    ]

    private static let cluster = [
        ConfigurationKey(
            "cluster.collective", \.cluster.collective,
            "mesh: between workers; star: through the coordinator", mayDifferOnResume: true),
        ConfigurationKey(
            "cluster.numerics", \.cluster.numerics,
            "exact refuses a worker whose BLAS build, core or kernels differ; relaxed logs it",
            mayDifferOnResume: true),
        ConfigurationKey(
            "cluster.heartbeat_seconds", \.cluster.heartbeatSeconds, "seconds between heartbeats",
            mayDifferOnResume: true, check: seconds),
        ConfigurationKey(
            "cluster.lost_after_seconds", \.cluster.lostAfterSeconds,
            "seconds of silence after which a worker counts as lost", mayDifferOnResume: true, check: seconds),
        ConfigurationKey(
            "cluster.orphan_timeout_seconds", \.cluster.orphanTimeoutSeconds,
            "seconds a worker waits for a coordinator to come back", mayDifferOnResume: true
        ) {
            $0 >= 0 && $0 <= 1e7 ? nil : "from 0 to 10000000"
        },
        ConfigurationKey(
            "cluster.digest_every", \.cluster.digestEvery,
            "steps between digests of a partial or full state, 0 for checkpoints only, or epoch",
            mayDifferOnResume: true),
    ]

    private static let telemetry = [
        ConfigurationKey(
            "telemetry.tensorboard", \.telemetry.tensorBoard,
            "whether RUN/tensorboard gets an event file for TensorBoard", mayDifferOnResume: true)
    ]

    /// Largest count a key takes; keeps every later product of counts inside 64 bits.
    private static let largestCount = 1 << 30

    private static func atLeast(_ least: Int, _ value: Int) -> String? {
        value >= least && value <= largestCount ? nil : "a whole number from \(least) to \(largestCount)"
    }

    private static func within<Value: Comparable>(
        _ value: Value?, _ expected: String, _ holds: (Value) -> Bool
    ) -> String? {
        value.map(holds) == false ? expected : nil
    }

    @Sendable private static func beta(_ value: Double) -> String? {
        value >= 0 && value < 1 ? nil : "at least 0 and less than 1"
    }

    @Sendable private static func seconds(_ value: Double) -> String? {
        value > 0 && value <= 1e6 ? nil : "more than 0 and at most 1000000"
    }

    /// The names a row can have; ``DataSection/columns`` maps from these.
    package static let columnNames = [
        "messages", "conversations", "prompt", "completion", "instruction", "input", "output", "text",
        "label",
    ]

    private static func columnProblem(_ name: String) -> String? {
        if columnNames.contains(name) { return nil }
        let nearest = NearestName.nearest(to: name, in: columnNames).map { "; did you mean `\($0)`?" } ?? ""
        return
            "{Shoal's name: your name}, with Shoal's name one of \(columnNames.joined(separator: ", ")), not `\(name)`\(nearest)"
    }
}
