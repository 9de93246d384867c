/// A key as Hugging Face's, PEFT's or Axolotl's files spell it, and what stands for it in Shoal.
package struct ForeignSpelling: Sendable {
    /// What a foreign key becomes.
    package enum Translation: Sendable {
        /// The same value under another name.
        case renamed(String)
        /// The value converted; nil: the key can be left out with that value.
        case converted(String, @Sendable (ConfigurationNode) -> String?)
        /// The same value under another name, with something to mind.
        case adjusted(String, note: String)
        /// No key stands for it; what to do instead.
        case advice(String)
    }

    /// The foreign name.
    package var name: String
    /// Whose it is.
    package var origin: String
    /// What it becomes.
    package var translation: Translation

    /// The Shoal key, where there is one.
    package var target: ConfigurationKey? {
        switch translation {
        case .renamed(let path), .converted(let path, _), .adjusted(let path, _):
            ConfigurationSchema.key(path)
        case .advice: nil
        }
    }

    /// The Shoal value for a foreign one; nil when there is none.
    package func value(for node: ConfigurationNode) -> String? {
        switch translation {
        case .renamed, .adjusted: node.flow
        case .converted(_, let convert): convert(node)
        case .advice: nil
        }
    }

    /// The exact line to write, or what to do instead.
    func advice(for node: ConfigurationNode) -> String {
        if case .advice(let text) = translation { return text }
        guard let key = target else { return "has no counterpart in Shoal; leave it out" }
        guard let value = value(for: node) else {
            return "is `\(key.path)` in Shoal; with \(node.summary) leave it out"
        }
        let line = "is `\(key.path)` in Shoal; \(UnknownKey.writeLine(key.path, key.section, value))"
        if case .adjusted(_, let note) = translation { return "\(line) (\(note))" }
        return line
    }

    /// The foreign spelling of that name, compared without regard to case.
    package static func named(_ name: String) -> ForeignSpelling? { byName[name.lowercased()] }

    private static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    /// All of them.
    package static let all: [ForeignSpelling] = renamed + converted + adjusted + advised

    private static let huggingFace = "Hugging Face"
    private static let axolotl = "Axolotl"
    private static let peft = "PEFT"

    private static func spellings(_ origin: String, _ pairs: KeyValuePairs<String, Translation>)
        -> [ForeignSpelling]
    {
        pairs.map { ForeignSpelling(name: $0.key, origin: origin, translation: $0.value) }
    }

    private static let renamed =
        spellings(
            axolotl,
            [
                "base_model": .renamed("base"), "lora_r": .renamed("adapter.r"),
                "lora_target_modules": .renamed("adapter.target_modules"),
                "lora_modules_to_save": .renamed("adapter.modules_to_save"),
                "lora_model_dir": .renamed("adapter.init_from"),
                "peft_use_rslora": .renamed("adapter.use_rslora"),
                "peft_use_dora": .renamed("adapter.use_dora"),
                "peft_layers_to_transform": .renamed("adapter.layers_to_transform"),
                "peft_init_lora_weights": .renamed("adapter.init_lora_weights"),
                "sequence_len": .renamed("data.max_sequence_length"),
                "sample_packing": .renamed("data.packing"),
                "num_epochs": .renamed("training.num_train_epochs"),
                "lr_scheduler": .renamed("training.lr_scheduler_type"),
                "shuffle_merged_datasets": .renamed("data.shuffle"),
            ])
        + spellings(
            huggingFace,
            [
                "model_name_or_path": .renamed("base"), "pretrained_model_name_or_path": .renamed("base"),
                "model_name": .renamed("base"), "model_id": .renamed("base"), "model": .renamed("base"),
                "max_seq_length": .renamed("data.max_sequence_length"),
                "max_seq_len": .renamed("data.max_sequence_length"),
                "max_length": .renamed("data.max_sequence_length"),
                "model_max_length": .renamed("data.max_sequence_length"),
                "cutoff_len": .renamed("data.max_sequence_length"),
                "block_size": .renamed("data.max_sequence_length"),
                "pack_sequences": .renamed("data.packing"), "train_file": .renamed("data.train"),
                "train_files": .renamed("data.train"), "data_path": .renamed("data.train"),
                "dataset_path": .renamed("data.train"), "validation_file": .renamed("data.valid"),
                "eval_file": .renamed("data.valid"),
                "validation_split_percentage": .converted("data.valid_fraction", percentage),
                "epochs": .renamed("training.num_train_epochs"),
                "n_epochs": .renamed("training.num_train_epochs"),
                "max_train_steps": .renamed("training.max_steps"),
                "num_steps": .renamed("training.max_steps"),
                "total_steps": .renamed("training.max_steps"), "iters": .renamed("training.max_steps"),
                "lr": .renamed("training.learning_rate"),
                "lr_scheduler_type": .renamed("training.lr_scheduler_type"),
                "adam_eps": .renamed("training.adam_epsilon"),
                "max_gradient_norm": .renamed("training.max_grad_norm"),
                "gradient_clipping": .renamed("training.max_grad_norm"),
                "clip_grad": .renamed("training.max_grad_norm"),
                "grad_clip": .renamed("training.max_grad_norm"),
                "data_seed": .renamed("training.seed"), "random_seed": .renamed("training.seed"),
                "save_steps": .renamed("checkpoint.every_steps"),
                "save_every": .renamed("checkpoint.every_steps"),
                "save_total_limit": .renamed("checkpoint.keep"),
                "eval_steps": .renamed("evaluation.every_steps"),
                "steps_per_eval": .renamed("evaluation.every_steps"),
            ])
        + spellings(
            peft,
            [
                "lora_rank": .renamed("adapter.r"), "rank": .renamed("adapter.r"),
                "alpha": .renamed("adapter.lora_alpha"), "dropout": .renamed("adapter.lora_dropout"),
                "lora_layers": .renamed("adapter.layers_to_transform"),
                "lora_init_weights": .renamed("adapter.init_lora_weights"),
                "base_model_name_or_path": .renamed("base"), "bias": .renamed("adapter.bias"),
            ])

    private static let converted =
        spellings(
            axolotl,
            [
                "lora_target_linear": .converted("adapter.target_modules") {
                    truth($0) == true ? "all-linear" : nil
                },
                "train_on_inputs": .converted("data.train_on") { truth($0) == true ? "all" : "assistant" },
                "datasets": .converted("data.train", datasetPaths),
                "test_datasets": .converted("data.valid", datasetPaths),
            ])
        + spellings(
            huggingFace,
            [
                "assistant_only_loss": .converted("data.train_on") {
                    truth($0) == false ? "all" : "assistant"
                },
                "save_strategy": .converted("checkpoint.every_steps", strategy),
                "eval_strategy": .converted("evaluation.every_steps", strategy),
                "evaluation_strategy": .converted("evaluation.every_steps", strategy),
            ])

    private static let adjusted =
        spellings(
            axolotl,
            [
                "micro_batch_size": .adjusted("training.batch_size", note: batchNote),
                "val_set_size": .adjusted(
                    "data.valid_fraction",
                    note: "a share in (0, 1); for a number of rows name a file in `data.valid`"),
            ])
        + spellings(
            huggingFace,
            [
                "per_device_train_batch_size": .adjusted("training.batch_size", note: batchNote),
                "per_gpu_train_batch_size": .adjusted("training.batch_size", note: batchNote),
                "train_batch_size": .adjusted("training.batch_size", note: batchNote),
                "global_batch_size": .renamed("training.batch_size"),
                "adam_betas": .advice(
                    "is `training.adam_beta1` and `training.adam_beta2` in Shoal; write `adam_beta1: 0.9` and `adam_beta2: 0.999` under `training:`"
                ),
                "dataset": .adjusted("data.train", note: "files of JSONL rows"),
                "dataset_name": .adjusted(
                    "data.train", note: "files of JSONL rows; download a Hub data set first"),
                "train_data": .adjusted("data.train", note: "files of JSONL rows"),
            ])

    private static let batchNote =
        "the whole cluster's batch: multiply by gradient_accumulation_steps and the number of devices"

    /// `true` and `false` in YAML's spellings.
    package static func truth(_ node: ConfigurationNode) -> Bool? { try? Bool.read(node) }

    @Sendable private static func percentage(_ node: ConfigurationNode) -> String? {
        (try? Double.read(node)).map { ($0 / 100).yaml }
    }

    @Sendable private static func strategy(_ node: ConfigurationNode) -> String? {
        guard case .scalar(let word, _) = node.content else { return nil }
        switch word {
        case "epoch": return "epoch"
        case "no", "false", "False": return "0"
        default: return nil
        }
    }

    /// The `path` of each entry of Axolotl's `datasets`.
    @Sendable package static func datasetPaths(_ node: ConfigurationNode) -> String? {
        guard case .sequence(let items) = node.content else { return node.flow }
        let paths = items.compactMap { item -> String? in
            guard case .mapping(let entries) = item.content else { return item.flow }
            let named = ["data_files", "path"].lazy.compactMap { name in entries.first { $0.key == name } }
                .first
            return named?.value.flow
        }
        return paths.isEmpty ? nil : "[" + paths.joined(separator: ", ") + "]"
    }
}
