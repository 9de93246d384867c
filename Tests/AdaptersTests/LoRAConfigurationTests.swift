import Adapters
import Configurations
import Foundation
import Layers
import Testing

@Suite("LoRA configuration")
struct LoRAConfigurationTests {
    @Test("the file PEFT saved is read key by key")
    func readsPEFTsFile() throws {
        let bytes = try Data(contentsOf: fixtures.appending(path: "peft/saved/adapter_config.json"))
        let configuration = try LoRAConfiguration(json: Array(bytes))
        try configuration.validateSupported()
        var expected = LoRAConfiguration()
        expected.loraRank = 3
        expected.loraAlpha = 7
        expected.loraDropout = 0.05
        expected.layersToTransform = [0, 2]
        expected.rankPattern = [.init(pattern: "down_proj", value: 2)]
        // PEFT saves names as a set, in any order.
        guard case .names(let names) = configuration.targets else {
            Issue.record("\(configuration.targets)")
            return
        }
        #expect(names.sorted() == ["down_proj", "q_proj"])
        expected.targets = configuration.targets
        #expect(configuration == expected)
    }

    @Test("what is written is read back, with sorted keys and patterns in their order")
    func roundTrips() throws {
        var configuration = LoRAConfiguration()
        configuration.loraRank = 16
        configuration.loraAlpha = 12.5
        configuration.loraDropout = 1e-5
        configuration.targets = .pattern(#".*\.(q|v)_"proj"\\#n"#)
        configuration.excluded = .names(["lm_head"])
        configuration.layersPattern = ["layers", "h"]
        configuration.rankPattern = [.init(pattern: "z", value: 2), .init(pattern: "a", value: 3)]
        configuration.alphaPattern = [.init(pattern: "z", value: 2.5)]
        configuration.usesRSLoRA = true
        configuration.usesDoRA = true
        configuration.modulesToSave = ["lm_head", "norm"]
        configuration.bias = .loraOnly
        configuration.initialWeights = .gaussian
        configuration.baseModelName = "org/name – ü"
        configuration.taskType = nil
        let text = configuration.json
        #expect(try LoRAConfiguration(json: Array(text.utf8)) == configuration)
        let keys = text.split(separator: "\n").filter { $0.hasPrefix("  \"") && !$0.hasPrefix("   ") }
            .map { $0.dropFirst(3).prefix { $0 != "\"" } }
        #expect(keys == keys.sorted())
        #expect(keys.count == 20)
    }

    @Test(
        "features that are not there are refused by the name of their key",
        arguments: [
            ("use_qalora", "true"), ("lora_bias", "true"), ("ensure_weight_tying", "true"),
            ("init_lora_weights", "\"olora\""),
            ("layer_replication", "[[0, 2]]"), ("target_parameters", "[\"experts\"]"),
            ("a_key_of_the_future", "{\"x\": 1}"), ("target_modules", "null"),
        ])
    func unsupportedFeaturesAreRefused(key: String, value: String) throws {
        let text = "{\"peft_type\": \"LORA\", \"\(key)\": \(value)}"
        let configuration = try LoRAConfiguration(json: Array(text.utf8))
        let error = #expect(throws: AdapterError.self) { try configuration.validateSupported() }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(key) == true)
    }

    @Test("fan_in_fan_out is read, and written as the base's weights lie")
    func transposedWeights() throws {
        let text = "{\"peft_type\": \"LORA\", \"fan_in_fan_out\": true, \"target_modules\": \"all-linear\"}"
        let configuration = try LoRAConfiguration(json: Array(text.utf8))
        #expect(configuration.hasTransposedWeights && configuration.json.contains("\"fan_in_fan_out\": true"))
        for isTransposed in [false, true] {
            let modules = [
                LinearModule(
                    name: "h.0.c_fc", inputCount: 2, outputCount: 3, index: 0, isTransposed: isTransposed)
            ]
            let placement = try AdapterPlacement(configuration, modules: modules)
            let spelledOut = placement.spelledOut(configuration, modules: modules)
            #expect(spelledOut.json.contains("\"fan_in_fan_out\": \(isTransposed)"))
        }
    }

    @Test("another kind of adapter is refused")
    func otherKindsAreRefused() {
        for text in ["{\"peft_type\": \"IA3\"}", "{\"r\": 8}"] {
            let error = #expect(throws: AdapterError.self) { try LoRAConfiguration(json: Array(text.utf8)) }
            #expect(error?.code == .unsupported)
        }
    }

    @Test(
        "text that is not JSON, or of other types, is refused with its place",
        arguments: [
            "", "{", "[]", "{\"r\": 8,}", "{\"r\": \"8\"}", "{\"r\": 8.5}", "{\"r\": 1e999}",
            "{\"peft_type\": \"LORA\", \"r\": 99999999999999999999}", "{\"r\": 8, \"r\": 9}", "{\"r\": 8} x",
            "{\"a\": \"\\ud800\"}", "{\"a\": \"\\x\"}", "{\"a\": tru}", "{\"a\": +1}", "{\"a\": \"",
            String(repeating: "[", count: 100_000),
            "{\"target_modules\": [1]}", "{\"bias\": \"some\"}", "{\"bias\": null}",
            "{\"rank_pattern\": [1]}", "{\"lora_alpha\": true}",
        ])
    func malformedTextIsRefused(text: String) {
        let error = #expect(throws: AdapterError.self) { try LoRAConfiguration(json: Array(text.utf8)) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test("numbers outside their range are refused")
    func rangesAreChecked() {
        var configuration = LoRAConfiguration()
        for loraRank in [0, -1, 65_537, .max] {
            configuration.loraRank = loraRank
            #expect(throws: AdapterError.self) { try configuration.validateSupported() }
            var overridden = LoRAConfiguration()
            overridden.rankPattern = [.init(pattern: ".*", value: loraRank)]
            #expect(throws: AdapterError.self) { try overridden.validateSupported() }
        }
        configuration = LoRAConfiguration()
        configuration.loraAlpha = 1e39
        #expect(throws: AdapterError.self) { try configuration.validateSupported() }
        configuration = LoRAConfiguration()
        configuration.loraDropout = 1
        #expect(throws: AdapterError.self) { try configuration.validateSupported() }
        configuration = LoRAConfiguration()
        configuration.targets = .pattern(".*")
        configuration.layersToTransform = [1]
        #expect(throws: AdapterError.self) { try configuration.validateSupported() }
    }

    @Test(
        "PiSSA is written as the plain LoRA of twice the rank and the same scaling, embeddings with their own"
    )
    func pissaIsWritten() throws {
        var configuration = try LoRAConfiguration(
            json: Array(
                #"{"peft_type": "LORA", "r": 3, "lora_alpha": 6, "init_lora_weights": "pissa_niter_4"}"#.utf8)
        )
        #expect(configuration.initialWeights == .pissa(iterations: 4))
        try configuration.validateSupported()
        configuration.rankPattern = [.init(pattern: "q_proj", value: 5)]
        configuration.alphaPattern = [.init(pattern: "q_proj", value: 4)]
        let written = configuration.written(embeddings: ["m.wte"])
        #expect(written.initialWeights == .zeroB && written.loraRank == 6 && written.loraAlpha == 12)
        #expect(
            written.rankPattern == [
                .init(pattern: "m\\.wte", value: 3), .init(pattern: "q_proj", value: 10),
            ])
        #expect(
            written.alphaPattern == [.init(pattern: "m\\.wte", value: 6), .init(pattern: "q_proj", value: 8)])
        configuration.usesRSLoRA = true
        let root = configuration.written(embeddings: [])
        #expect(
            abs(
                root.loraScaling(loraRank: 6, loraAlpha: root.loraAlpha)
                    / configuration.loraScaling(loraRank: 3, loraAlpha: 6) - 1) < 1e-6)
        let plain = LoRAConfiguration()
        #expect(plain.written(embeddings: ["m.wte"]) == plain)
    }

    @Test("rsLoRA scales by the root of r")
    func scalings() {
        var configuration = LoRAConfiguration()
        #expect(configuration.loraScaling(loraRank: 16, loraAlpha: 8) == 0.5)
        configuration.usesRSLoRA = true
        #expect(configuration.loraScaling(loraRank: 16, loraAlpha: 8) == 2)
    }
}

@Suite("LoRA configuration of a run")
struct LoRAConfigurationSectionTests {
    @Test("every key of the adapter section arrives")
    func sectionArrives() {
        var section = AdapterSection()
        section.loraRank = 4
        section.loraAlpha = 3.5
        section.loraDropout = 0.25
        section.targetModules = .names(["q_proj"])
        section.layersToTransform = [1]
        section.rankPattern = OrderedMap([.init(key: "b", value: 2), .init(key: "a", value: 3)])
        section.alphaPattern = OrderedMap([.init(key: "c", value: 9)])
        section.useRSLoRA = true
        section.useDoRA = true
        section.initialWeights = .gaussian
        section.modulesToSave = ["lm_head"]
        section.bias = .loraOnly
        var expected = LoRAConfiguration()
        expected.loraRank = 4
        expected.loraAlpha = 3.5
        expected.loraDropout = 0.25
        expected.targets = .names(["q_proj"])
        expected.layersToTransform = [1]
        expected.rankPattern = [.init(pattern: "b", value: 2), .init(pattern: "a", value: 3)]
        expected.alphaPattern = [.init(pattern: "c", value: 9)]
        expected.usesRSLoRA = true
        expected.usesDoRA = true
        expected.initialWeights = .gaussian
        expected.modulesToSave = ["lm_head"]
        expected.bias = .loraOnly
        expected.baseModelName = "org/base"
        #expect(LoRAConfiguration(section, base: "org/base") == expected)
        section.baseModelName = "org/other"
        #expect(LoRAConfiguration(section, base: "org/base").baseModelName == "org/other")
    }
}
