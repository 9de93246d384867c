import Configurations
import Foundation
import Testing

@Suite struct ConfigurationTemplateTests {
    private let loader = ConfigurationLoader(workingDirectory: "/here", exists: { _ in false })

    @Test func theTemplateLoadsAsTheDefaultsAndExplainsEveryKey() throws {
        let text = ConfigurationTemplate(
            base: "org/name", train: [.init(path: "a b.jsonl", shape: "prompt/completion", rowCount: 12)],
            values: ["training.batch_size": "4"]
        ).render()
        var expected = RunConfiguration(base: "org/name")
        expected.data.train = ["/runs/a b.jsonl"]
        expected.training.batchSize = 4
        #expect(try loader.load(yaml: text, source: "t", directory: "/runs") == expected)
        #expect(text.contains("a b.jsonl: 12 rows of the shape prompt/completion"))
        for key in ConfigurationSchema.keys {
            #expect(text.contains(key.summary), "\(key.path) is not explained")
        }
    }

    @Test func aFileNameCannotLeaveItsComment() throws {
        let text = ConfigurationTemplate(
            base: "b", train: [.init(path: "x\nmethod: full\u{2028}y", shape: "text", rowCount: 1)],
            notes: ["a\nbase: c"]
        ).render()
        #expect(try loader.load(yaml: text, source: "t", directory: "/runs").method == .lora)
    }

    @Test func anAxolotlFileIsConvertedAndWhatDoesNotMapIsListed() throws {
        let conversion = try AxolotlConversion(
            yaml: """
                base_model: HuggingFaceTB/SmolLM2-135M
                load_in_8bit: false
                adapter: qlora
                datasets:
                  - path: data/a.jsonl
                    type: alpaca
                  - path: data/b.jsonl
                val_set_size: 0.05
                sequence_len: 1024
                sample_packing: true
                lora_r: 32
                lora_alpha: 16
                lora_dropout: 0.05
                lora_target_linear: true
                gradient_accumulation_steps: 4
                micro_batch_size: 2
                num_epochs: 3
                optimizer: adamw_bnb_8bit
                lr_scheduler: cosine
                learning_rate: 2e-4
                warmup_steps: 10
                max_steps: 100
                saves_per_epoch: 1
                evals_per_epoch: 4
                train_on_inputs: false
                flash_attention: true
                bf16: auto
                frobnicate: 1
                lora_fan_in_fan_out:
                """, source: "axolotl.yml")
        let c = try loader.load(yaml: conversion.render(), source: "t", directory: "/runs")
        #expect(c.base == "HuggingFaceTB/SmolLM2-135M" && c.method == .lora)
        #expect(c.data.train == ["/runs/data/a.jsonl", "/runs/data/b.jsonl"] && c.data.validFraction == 0.05)
        #expect(c.data.maxSequenceLength == 1024 && c.data.packing && c.data.trainOn == .assistant)
        #expect(c.adapter.loraRank == 32 && c.adapter.loraAlpha == 16 && c.adapter.loraDropout == 0.05)
        #expect(c.training.batchSize == 8 && c.training.numTrainEpochs == 3 && c.training.schedule == .cosine)
        #expect(
            c.training.learningRate == 2e-4 && c.training.warmupRatio == 0.1 && c.training.maxSteps == 100)
        #expect(c.checkpoint.every == .epoch && c.evaluation.every == .epoch)
        let remarked = conversion.remarks.map(\.key)
        for key in [
            "load_in_8bit", "adapter", "datasets.type", "optimizer", "evals_per_epoch", "flash_attention",
            "bf16", "frobnicate",
        ] {
            #expect(remarked.contains(key), "\(key) is not remarked on")
        }
        #expect(conversion.remarks.first { $0.key == "frobnicate" }?.line == 28)
    }

    @Test func aValueThatCannotBeCarriedOverIsRemarkedOn() throws {
        let conversion = try AxolotlConversion(
            yaml:
                "lr_scheduler: polynomial\nmicro_batch_size: 9223372036854775807\ngradient_accumulation_steps: 4\n",
            source: "a")
        #expect(conversion.values.isEmpty)
        #expect(conversion.remarks.first?.message.contains("one of constant, linear, cosine") == true)
    }
}
