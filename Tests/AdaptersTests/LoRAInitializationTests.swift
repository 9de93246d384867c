import Adapters
import DurableFiles
import Layers
import Tensors
import Testing

@Suite("LoRA initialization")
struct LoRAInitializationTests {
    private let modules = [
        LinearModule(name: "a.q_proj", inputCount: 400, outputCount: 100, index: 0),
        LinearModule(name: "a.v_proj", inputCount: 400, outputCount: 30, index: 2),
    ]

    private func parameters(
        _ initialWeights: LoRAConfiguration.InitialWeights, seed: UInt64 = 42,
        targets: [String] = ["q_proj", "v_proj"]
    ) throws -> (ParameterLayout, Vector) {
        var configuration = LoRAConfiguration()
        configuration.targets = .names(targets)
        configuration.initialWeights = initialWeights
        let placement = try AdapterPlacement(configuration, modules: modules)
        let layout = layout(of: placement)
        return (
            layout,
            try LoRAInitialization.parameters(
                placement, configuration: configuration, layout: layout, seed: seed)
        )
    }

    private func values(_ matrix: String, _ pair: (ParameterLayout, Vector)) throws -> [Double] {
        let entry = try #require(pair.0.entry(named: "base_model.model.a.q_proj.lora_\(matrix).weight"))
        return pair.1[entry.range].toArray().map(Double.init)
    }

    @Test("A is uniform in ±1/√in and B zero")
    func kaimingUniform() throws {
        let pair = try parameters(.zeroB)
        let a = try values("A", pair)
        let bound = 1 / 400.0.squareRoot()
        #expect(a.count == 3200)
        #expect(a.allSatisfy { abs($0) <= bound })
        #expect(a.max() ?? 0 > 0.99 * bound && a.min() ?? 0 < -0.99 * bound)
        let mean = a.reduce(0, +) / 3200
        let variance = a.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 3200
        #expect(abs(mean) < 0.05 * bound)
        #expect(abs(variance / (bound * bound / 3) - 1) < 0.05)
        #expect(try values("B", pair).allSatisfy { $0 == 0 })
    }

    @Test("gaussian has the deviation 1/r and the tails of a normal distribution")
    func gaussian() throws {
        let pair = try parameters(.gaussian)
        let a = try values("A", pair).map { $0 * 8 }
        let mean = a.reduce(0, +) / Double(a.count)
        let variance = a.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(a.count)
        let kurtosis = a.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(a.count) / (variance * variance)
        #expect(abs(mean) < 0.06)
        #expect(abs(variance - 1) < 0.08)
        #expect(abs(kurtosis - 3) < 0.4)
        let inside = a.filter { abs($0) < 1 }.count
        #expect(abs(Double(inside) / Double(a.count) - 0.6827) < 0.03)
        #expect(try values("B", pair).allSatisfy { $0 == 0 })
    }

    @Test("false makes B random too, in ±1/√r")
    func randomB() throws {
        let pair = try parameters(.randomB)
        let b = try values("B", pair)
        let bound = 1 / 8.0.squareRoot()
        #expect(b.allSatisfy { abs($0) <= bound })
        #expect(b.contains { abs($0) > 0.9 * bound })
        #expect(try values("A", pair) != b)
    }

    @Test("values depend on the seed and the module, not on which other modules are adapted")
    func independentOfOthers() throws {
        let both = try parameters(.zeroB)
        let alone = try parameters(.zeroB, targets: ["v_proj"])
        let name = "base_model.model.a.v_proj.lora_A.weight"
        let inBoth = try #require(both.0.entry(named: name))
        let inAlone = try #require(alone.0.entry(named: name))
        #expect(both.1[inBoth.range].toArray() == alone.1[inAlone.range].toArray())
        #expect(both.1[inBoth.range].toArray() != both.1[0..<3200].toArray())
        #expect(try parameters(.zeroB, seed: 43).1.toArray() != both.1.toArray())
    }

    @Test("the bits stay what they are")
    func bitsStay() throws {
        for (kind, expected) in [
            (
                LoRAConfiguration.InitialWeights.zeroB,
                "a47b210131cd52e07bd8054cf1f2476abae67d4bf22383b994f00aae027d216d"
            ),
            (.gaussian, "9c16456fc93fab27441139d7e10bf76476ccb5e87372c1dbb7ae90dd132d2f8a"),
            (.randomB, "2e0b730ac7b74cd8efd85509f7d6e327d2406eeb9ac893b0077655cf4590b508"),
        ] {
            let values = try parameters(kind).1
            let digest = unsafe values.withBytes { (bytes: UnsafeRawBufferPointer) in
                unsafe Digest.sha256(Array(bytes))
            }
            #expect(digest.hex == expected)
        }
    }

    @Test("PEFT's other ways to start are refused by name")
    func otherWaysAreRefused() throws {
        let error = #expect(throws: AdapterError.self) { try parameters(.other("eva")) }
        #expect(error?.message.contains("eva") == true)
    }
}
