extension ForeignSpelling {
    /// Foreign keys that no Shoal key stands for, with what to do instead.
    static let advised: [ForeignSpelling] =
        advice(
            "Hugging Face",
            "is part of `training.batch_size` in Shoal, which is the whole cluster's batch; write `batch_size: N` under `training:`, multiplied by it",
            ["gradient_accumulation_steps"])
        + advice(
            "Hugging Face",
            "is `training.warmup_ratio` in Shoal; write `warmup_ratio: W` under `training:`, with W = these steps ÷ all steps",
            ["warmup_steps", "num_warmup_steps", "lr_warmup_steps"])
        + advice(
            "Axolotl",
            "is `checkpoint.every_steps` in Shoal; write `every_steps: epoch` under `checkpoint:` for one an epoch",
            ["saves_per_epoch"])
        + advice(
            "Axolotl",
            "is `evaluation.every_steps` in Shoal; write `every_steps: epoch` under `evaluation:` for one an epoch",
            ["evals_per_epoch"])
        + advice(
            "Hugging Face", "is not needed: evaluation is cut into micro-batches like training; leave it out",
            ["per_device_eval_batch_size", "eval_batch_size", "eval_accumulation_steps"])
        + advice(
            "Hugging Face", "is not needed: the optimizer is AdamW; leave it out",
            ["optim", "optimizer", "optim_args"])
        + advice(
            "Hugging Face", "is not needed: every step writes a line to `metrics.jsonl`; leave it out",
            ["logging_steps", "logging_strategy", "logging_dir", "report_to"])
        + advice(
            "Hugging Face", "is given on the command line: `shoal train CONFIG --output DIR`",
            ["output_dir", "run_name"])
        + advice(
            "Hugging Face", "is given on the command line: `shoal train --resume RUN`",
            ["resume_from_checkpoint", "auto_resume_from_checkpoints", "overwrite_output_dir"])
        + advice(
            "Hugging Face", "is given on the command line: `shoal train CONFIG --workers N --threads T`",
            [
                "num_workers", "workers", "threads", "world_size", "nproc_per_node", "num_processes",
                "dataloader_num_workers", "local_rank",
            ])
        + advice(
            "Hugging Face", "has no counterpart: Shoal computes in Float32 on CPUs; leave it out",
            [
                "bf16", "fp16", "tf32", "float16", "bfloat16", "torch_dtype", "dtype", "device_map",
                "use_cpu",
                "flash_attention", "xformers_attention", "sdp_attention", "attn_implementation",
                "torch_compile",
            ])
        + advice(
            "Axolotl",
            "has no counterpart: the base is held in Float32; leave it out (a quantised .gguf is a base as it is)",
            ["load_in_8bit", "load_in_4bit", "gptq", "bnb_4bit_quant_type"])
        + advice(
            "Hugging Face", "has no counterpart: workers share the work as they come; leave it out",
            ["deepspeed", "fsdp", "fsdp_config", "ddp_find_unused_parameters"])
        + advice(
            "Axolotl", "is not needed: model and tokenizer types are read from the base; leave it out",
            [
                "model_type", "tokenizer_type", "tokenizer", "tokenizer_name", "tokenizer_config",
                "base_model_config", "trust_remote_code", "is_llama_derived_model", "special_tokens",
            ])
        + advice(
            "PEFT", "is not needed: adapters are LoRA for causal language models; leave it out",
            ["peft_type", "task_type", "inference_mode", "fan_in_fan_out", "lora_fan_in_fan_out"])
        + advice(
            "Hugging Face", "is not needed: sequences are packed by length already; leave it out",
            ["group_by_length", "pad_to_sequence_len", "eval_sample_packing", "length_column_name"])
        + advice(
            "Axolotl", "has no counterpart: progress is on stderr and in `metrics.jsonl`; leave it out",
            [
                "wandb_project", "wandb_entity", "wandb_name", "wandb_run_id", "wandb_watch",
                "wandb_log_model", "mlflow_tracking_uri",
            ])
        + advice(
            "Hugging Face",
            "has no counterpart: `RUN/adapter` is a PEFT directory to upload as it is; leave it out",
            ["push_to_hub", "hub_model_id", "hub_strategy"])
        + advice(
            "Hugging Face", "is what `RUN/adapter` holds wherever evaluation is on; leave it out",
            ["load_best_model_at_end", "metric_for_best_model", "greater_is_better"])
        + advice(
            "Axolotl", "has no counterpart in Shoal; leave it out",
            [
                "neftune_noise_alpha", "dataset_prepared_path", "local_dataset_path", "strict", "debug",
                "lora_on_cpu", "relora_steps",
            ])

    private static func advice(_ origin: String, _ text: String, _ names: [String]) -> [ForeignSpelling] {
        names.map { ForeignSpelling(name: $0, origin: origin, translation: .advice(text)) }
    }
}
