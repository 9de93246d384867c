import Configurations
import Foundation
import Testing

private let minimal = "base: models/tiny\ndata: {train: [rows.jsonl]}\n"

/// Loads text as if it stood in /runs/a, where only the given paths exist.
private func load(_ yaml: String, overrides: [String] = [], existing: Set<String> = [])
    throws(ConfigurationError)
    -> RunConfiguration
{
    try ConfigurationLoader(overrides: overrides, workingDirectory: "/here", exists: existing.contains)
        .load(yaml: yaml, source: "c.yaml", directory: "/runs/a")
}

/// The problems of a text that must not load.
private func problems(_ yaml: String, overrides: [String] = []) -> [ConfigurationError.Problem] {
    do {
        _ = try load(yaml, overrides: overrides)
        Issue.record("loaded: \(yaml)")
        return []
    } catch {
        return error.problems
    }
}

@Suite struct ConfigurationLoaderTests {
    @Test func aMinimalFileHasTheDefaultsOfTheDesign() throws {
        let c = try load(minimal)
        #expect(c.method == .lora)
        #expect(
            c.data.maxSequenceLength == 512 && c.data.packing && c.data.shuffle
                && c.data.trainOn == .assistant)
        #expect(c.adapter.loraRank == 8 && c.adapter.loraAlpha == 16 && c.adapter.targetModules == .allLinear)
        #expect(c.adapter.initialWeights == .zeroB && c.adapter.layersToTransform == nil)
        #expect(c.training.maxSteps == nil && c.training.numTrainEpochs == 1 && c.training.batchSize == 16)
        #expect(c.training.schedule == .linear && c.training.maxGradNorm == 1 && c.training.seed == 42)
        #expect(c.training.microBatches == 8 && c.training.maxTokensPerMicroBatch == 512)
        #expect(c.evaluation.every == .never && c.checkpoint.every == .steps(50) && c.checkpoint.keep == 3)
        #expect(c.cluster.collective == .mesh && c.cluster.orphanTimeoutSeconds == 600)
        #expect(c.cluster.digestEvery == .steps(50))
    }

    @Test func aByteOrderMarkAndLineEndsOfWindowsAreNoPartOfTheText() throws {
        let text = minimal + "training: {max_steps: 3}\n"
        let expected = try load(text)
        #expect(try load("\u{FEFF}" + text) == expected)
        #expect(try load("\u{FEFF}" + text.replacingOccurrences(of: "\n", with: "\r\n")) == expected)
    }

    @Test func learningRateDependsOnTheMethodUnlessGiven() throws {
        #expect(try load(minimal).learningRate == 2e-4)
        #expect(try load(minimal + "method: partial\n").learningRate == 5e-5)
        #expect(try load(minimal + "method: full\ntraining: {learning_rate: 1e-3}\n").learningRate == 1e-3)
    }

    @Test func pathsAreRelativeToTheFileAndOverridesToTheWorkingDirectory() throws {
        let c = try load(
            "base: ./models/tiny\ndata: {train: [../rows.jsonl, /x/y.jsonl], valid: v.jsonl}\nadapter: {init_from: old}\n",
            overrides: ["data.valid=[w.jsonl]"])
        #expect(c.base == "/runs/a/models/tiny")
        #expect(c.data.train == ["/runs/rows.jsonl", "/x/y.jsonl"])
        #expect(c.data.valid == ["/here/w.jsonl"])
        #expect(c.adapter.initFrom == "/runs/a/old")
    }

    @Test func aHubIdStaysUnlessSuchAPathExists() throws {
        let text = "base: org/name@v1\ndata: {train: [a]}\n"
        #expect(try load(text).base == "org/name@v1")
        #expect(
            try load(text, overrides: ["training.seed=1"], existing: ["/here/org/name@v1"]).base
                == "/here/org/name@v1")
        #expect(try load(text, existing: ["/runs/a/org/name@v1"]).base == "/runs/a/org/name@v1")
        #expect(try load("base: a/b/c\ndata: {train: [a]}\n").base == "/runs/a/a/b/c")
        #expect(try load("base: dir/model.gguf\ndata: {train: [a]}\n").base == "/runs/a/dir/model.gguf")
    }

    @Test func everyKeyIsRead() throws {
        let c = try load(
            """
            base: /b
            method: partial
            objective: causal
            data: {train: a.jsonl, valid_fraction: 0.1, columns: {prompt: q, completion: a}, labels: [x, y],
                   max_sequence_length: 64, packing: false, shuffle: false, train_on: all, chat_template: chatml}
            adapter: {r: 4, lora_alpha: 8.5, lora_dropout: 0.1, target_modules: [q_proj, v_proj],
                      layers_to_transform: [0, 2], rank_pattern: {z: 2, a: 3}, alpha_pattern: {'.*k': 1}, use_rslora: true,
                      use_dora: true, init_lora_weights: gaussian, modules_to_save: [lm_head], bias: all,
                      base_model_name: x/y}
            partial: {layers: 3, final_norm: false, head: true}
            training: {max_steps: 7, num_train_epochs: 1.5, batch_size: 3, learning_rate: 0.01, lr_scheduler_type: cosine,
                       warmup_ratio: 0.1, weight_decay: 0.2, adam_beta1: 0.8, adam_beta2: 0.9, adam_epsilon: 1e-6,
                       max_grad_norm: 0, loraplus_lr_ratio: 16, seed: 18446744073709551615, micro_batches: 2,
                       max_tokens_per_micro_batch: 99, gradient_checkpointing: true, activation_cache_mb: 64,
                       on_non_finite: skip_step}
            evaluation: {every_steps: epoch, early_stopping_patience: 2}
            checkpoint: {every_steps: 0, keep: 1}
            cluster: {collective: star, numerics: exact, heartbeat_seconds: 0.5, lost_after_seconds: 2.5,
                      orphan_timeout_seconds: 0, digest_every: epoch}
            telemetry: {tensorboard: true}
            """)
        #expect(c.data.columns["prompt"] == "q" && c.data.validFraction == 0.1 && c.data.trainOn == .all)
        #expect(
            c.adapter.targetModules == .names(["q_proj", "v_proj"]) && c.adapter.layersToTransform == [0, 2])
        #expect(c.adapter.rankPattern.entries.map(\.key) == ["z", "a"] && c.adapter.alphaPattern[".*k"] == 1)
        #expect(
            c.training.seed == .max && c.training.adamEpsilon == 1e-6 && c.training.onNonFinite == .skipStep)
        #expect(c.evaluation.every == .epoch && c.checkpoint.every == .never && c.cluster.collective == .star)
        #expect(try load(c.resolvedYAML()) == c)
        // The two texts share no key's default value, so a key that were not read would show.
        let differing = c.difference(from: RunConfiguration(base: "/c")).map(\.key)
        #expect(differing.count == c.resolvedYAML().split(separator: "\n").count - 8 - 3)
    }

    @Test func theResolvedFileIsStableAndReadsBack() throws {
        let c = try load(minimal + "adapter: {target_modules: \"model\\\\.layers\\\\.(0|1)\\\\..*\"}\n")
        #expect(c.adapter.targetModules == .pattern("model\\.layers\\.(0|1)\\..*"))
        let text = c.resolvedYAML()
        #expect(try load(text) == c.resolved())
        #expect(try load(text).resolvedYAML() == text)
        #expect(text.contains("  learning_rate: 0.0002\n"))
        let decoded = try JSONDecoder().decode(RunConfiguration.self, from: JSONEncoder().encode(c))
        #expect(decoded == c)
    }

    @Test(arguments: [
        "a b", "true", "~", "1e3", "- x", "a: b", "#", "ü\n\"\\", "\u{85}\u{2028}\u{FEFF}", "'", "*a", "&b",
    ])
    func anyTextSurvivesTheFile(text: String) throws {
        var c = try load(minimal)
        c.adapter.baseModelName = text
        c.data.columns = OrderedMap([.init(key: "prompt", value: text)])
        c.adapter.rankPattern = OrderedMap([.init(key: text, value: 3)])
        #expect(try load(c.resolvedYAML()) == c.resolved())
    }

    @Test func overridesWinInOrder() throws {
        let c = try load(
            minimal + "training: {max_steps: 5}\n",
            overrides: [
                "training.max_steps=6", "training.max_steps=7", "adapter.target_modules=[q_proj]",
                "data.valid_fraction=",
            ])
        #expect(
            c.training.maxSteps == 7 && c.adapter.targetModules == .names(["q_proj"])
                && c.data.validFraction == nil)
        #expect(try load("data: {train: [a]}", overrides: ["base=m"]).base == "/here/m")
    }

    @Test(arguments: ["training.max_steps", "=3", ""])
    func anOverrideWithoutAValueIsAUsageError(override: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try load(minimal, overrides: [override]) }
        #expect(error?.code == .malformedOverride && error?.exitStatus == 64)
    }

    @Test(arguments: ["a: [b", "x y", "~", "*z", "1", "-"])
    func aFlagsTextIsTakenAsItIs(text: String) throws {
        let loaded = try load(minimal, overrides: [ConfigurationLoader.override("data.train", text)])
        #expect(loaded.data.train == ["/here/" + text])
    }

    @Test func anUnknownOverrideSuggestsTheNearestKey() {
        let found = problems(minimal, overrides: ["training.max_step=3"])
        #expect(found.map(\.code) == [.unknownKey])
        #expect(found[0].description.contains("--set training.max_step=3"))
        #expect(found[0].message.contains("`training.max_steps`"))
    }

    @Test func anUnknownKeyNamesFileLineAndNearestKey() throws {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try load(minimal + "training:\n  batchsize: 3\ntrainnig: {}\n")
        }
        #expect(error?.exitStatus == 65)
        #expect(error?.problems.map(\.line) == [4, 5])
        #expect(
            error?.message.contains(
                "c.yaml:4: unknown key `training.batchsize`; did you mean `training.batch_size`?") == true)
        #expect(error?.message.contains("c.yaml:5: unknown key `trainnig`; did you mean `training`?") == true)
    }

    @Test func aKeyInAnotherSectionIsSentHome() {
        let found = problems(minimal + "learning_rate: 1e-3\ndata2: 1\n")
        #expect(found[0].message.contains("write `learning_rate: 1e-3` under `training:`"))
    }

    @Test(arguments: [
        ("lora_r: 4", "write `r: 4` under `adapter:`"), ("base_model: x", "write `base: x` at top level"),
        ("sequence_len: 9", "write `max_sequence_length: 9` under `data:`"),
        ("save_steps: 5", "write `every_steps: 5` under `checkpoint:`"),
        ("per_device_train_batch_size: 2", "write `batch_size: 2` under `training:`"),
        ("micro_batch_size: 2", "write `batch_size: 2` under `training:`"),
        ("gradient_accumulation_steps: 4", "`batch_size: N` under `training:`"),
        ("num_epochs: 3", "write `num_train_epochs: 3` under `training:`"),
        ("lora_target_modules: [q, v]", "write `target_modules: [q, v]` under `adapter:`"),
        ("datasets: [{path: a.jsonl, type: alpaca}]", "write `train: [a.jsonl]` under `data:`"),
        ("warmup_steps: 10", "write `warmup_ratio: W` under `training:`"),
        ("lora_alpha: 4", "write `lora_alpha: 4` under `adapter:`"),
        ("adapter: lora", "write `method: lora`"),
        ("eval_strategy: epoch", "write `every_steps: epoch` under `evaluation:`"),
        ("train_on_inputs: true", "write `train_on: all` under `data:`"), ("output_dir: x", "--output DIR"),
    ])
    func aForeignSpellingIsAnsweredWithTheLineToWrite(line: String, answer: String) {
        let found = problems(minimal + line + "\n")
        #expect(found.count == 1 && found[0].line == 3)
        #expect(found[0].message.contains(answer), "\(found[0].message)")
    }

    @Test func everyForeignSpellingHasAnAnswerAndNoneIsAShoalKey() {
        #expect(ForeignSpelling.all.count >= 100)
        for spelling in ForeignSpelling.all
        where ConfigurationSchema.keys.allSatisfy({ $0.name != spelling.name }) {
            let found = problems(minimal + "\(spelling.name): 3\n")
            #expect(found.map(\.code) == [.foreignKey], "\(spelling.name)")
        }
        for spelling in ForeignSpelling.all {
            if case .advice = spelling.translation { continue }
            #expect(spelling.target != nil, "\(spelling.name) maps to a key that does not exist")
        }
    }

    @Test(arguments: [
        "adapter: {r: 0}", "adapter: {r: 1.5}", "adapter: {r: \"8\"}", "adapter: {lora_dropout: 1}",
        "adapter: {lora_dropout: -0.1}",
        "adapter: {lora_alpha: 0}", "adapter: {target_modules: []}", "adapter: {target_modules: {a: b}}",
        "adapter: {layers_to_transform: [-1]}",
        "adapter: {rank_pattern: {a: 0}}", "adapter: {init_lora_weights: olora}",
        "adapter: {init_lora_weights: pissa_niter_x}", "training: {batch_size: 0}",
        "training: {micro_batches: 0}", "training: {adam_beta1: 1}", "training: {adam_beta2: -0.1}",
        "training: {learning_rate: 0}",
        "training: {learning_rate: nan}", "training: {learning_rate: fast}", "training: {max_steps: 0}",
        "training: {num_train_epochs: 0}",
        "training: {batch_size: 99999999999999999999}", "training: {batch_size: 9223372036854775807}",
        "training: {seed: -1}",
        "training: {lr_scheduler_type: polynomial}", "evaluation: {every_steps: -1}",
        "evaluation: {every_steps: epochs}",
        "checkpoint: {keep: 0}", "cluster: {collective: ring}", "cluster: {heartbeat_seconds: 0}",
        "training: []", "method: dora",
        "data: {train: a, valid_fraction: 0}", "data: {train: a, columns: {promt: q}}", "base: [a]", "base:",
        "training: {max_grad_norm: .inf}",
        "training: {gradient_checkpointing: 1}", "training: {gradient_checkpointing: sometimes}",
    ])
    func aBadValueIsRefusedWithItsLine(line: String) throws {
        let key = try #require(line.split(separator: ":").first)
        let base = minimal.split(separator: "\n").filter { !$0.hasPrefix(key) }.joined(separator: "\n")
        let found = problems(base + "\n" + line + "\n")
        let badLine = base.split(separator: "\n").count + 1
        #expect(
            found.contains { ($0.code == .wrongType || $0.code == .outOfRange) && $0.line == badLine },
            "\(found)")
    }

    @Test func allProblemsAreReportedAtOnce() {
        #expect(problems("training: {batch_size: 0, lr: 1}\nadapter: {r: x}\n").count == 5)
    }

    @Test func settingsThatExcludeEachOtherAreRefused() {
        #expect(
            problems("base: b\ndata: {train: [a], valid: [b], valid_fraction: 0.1}\n").map(\.code) == [
                .conflict
            ])
        #expect(problems(minimal + "cluster: {lost_after_seconds: 1}\n").map(\.code) == [.conflict])
        #expect(
            problems(minimal + "method: partial\npartial: {layers: 0, final_norm: false}\n").map(\.code) == [
                .conflict
            ])
    }

    @Test func differencesThatAResumeMayHaveAreMarked() throws {
        let a = try load(minimal)
        let b = try load(
            minimal
                + "training: {max_steps: 3, num_train_epochs: 2, learning_rate: 2e-4, seed: 1}\ncheckpoint: {keep: 9}\n"
                + "cluster: {collective: star}\nevaluation: {every_steps: 5}\nadapter: {r: 4}\n")
        let difference = b.difference(from: a)
        #expect(
            difference.filter(\.mayDifferOnResume).map(\.key) == [
                "training.max_steps", "training.num_train_epochs", "evaluation.every_steps",
                "checkpoint.keep", "cluster.collective",
            ])
        #expect(
            difference.filter { !$0.mayDifferOnResume }.map(\.description) == [
                "adapter.r: 4 (was 8)", "training.seed: 1 (was 42)",
            ])
        #expect(a.difference(from: a).isEmpty)
    }

    @Test func aFileThatCannotBeReadIsAnInputError() {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try ConfigurationLoader().load(path: "/nowhere/c.yaml")
        }
        #expect(error?.exitStatus == 74)
    }

    @Test func intervalsAreDueWhenTheyShould() {
        #expect((1...6).filter { Interval.steps(3).isDue(after: $0, endsEpoch: false) } == [3, 6])
        #expect(
            Interval.epoch.isDue(after: 5, endsEpoch: true)
                && !Interval.epoch.isDue(after: 5, endsEpoch: false))
        #expect(!Interval.never.isDue(after: 5, endsEpoch: true))
    }
}
