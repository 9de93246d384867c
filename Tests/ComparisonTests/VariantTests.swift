import Comparison
import Configurations
import Testing

@Suite struct VariantTests {
    @Test("a varied key is combined with the methods that have it")
    func combines() throws {
        let variants = try Variant.all(
            methods: [.lora, .partial, .full], vary: ["adapter.r=4,8", "partial.layers=1,2"])
        #expect(
            variants.map(\.name) == [
                "lora r=4", "lora r=8", "partial layers=1", "partial layers=2", "full",
            ])
        #expect(variants[1].overrides == ["method=lora", "adapter.r=8"])
        #expect(variants[4].overrides == ["method=full"])
    }

    @Test("values with commas of their own stay whole")
    func keepsLists() throws {
        let variants = try Variant.all(
            methods: [.lora], vary: ["adapter.target_modules=[q_proj,v_proj],all-linear,'a,b'"])
        #expect(
            variants.map { $0.overrides[1] } == [
                "adapter.target_modules=[q_proj,v_proj]", "adapter.target_modules=all-linear",
                "adapter.target_modules='a,b'",
            ])
        #expect(Set(variants.map(\.folderName)).count == 3)
        #expect(variants.allSatisfy { !$0.folderName.contains("/") && !$0.folderName.contains(",") })
    }

    @Test("two keys give every pair")
    func pairs() throws {
        let variants = try Variant.all(methods: [.lora], vary: ["adapter.r=4,8", "base=A,org/B"])
        #expect(
            variants.map(\.name) == [
                "lora r=4 base=A", "lora r=4 base=org/B", "lora r=8 base=A", "lora r=8 base=org/B",
            ])
    }

    @Test(
        "what cannot be varied is named",
        arguments: [
            ("adapter.r", "expected"), ("=4", "expected"), ("adapter.r=4,,8", "empty"),
            ("partial.layers=1,2", "--methods"), ("method=lora", "--methods"), ("adapter.r=4,4", "once"),
        ])
    func refuses(_ vary: String, _ words: String) {
        let error = #expect(throws: ComparisonError.self) {
            try Variant.all(methods: [.lora], vary: [vary])
        }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.code == .usage)
    }
}

@Suite struct LearningRateTests {
    private static let all: [TrainingMethod] = [.lora, .partial, .full]

    @Test("each method is tried around its own default")
    func defaults() throws {
        let rates = try LearningRates([], methods: Self.all, configuration: RunConfiguration(base: "b"))
        #expect(rates.of(.lora) == [6.7e-5, 2e-4, 6e-4])
        #expect(rates.of(.full) == [1.7e-5, 5e-5, 1.5e-4])
    }

    @Test("the configuration's own rate is its own method's alone")
    func ownRate() throws {
        var configuration = RunConfiguration(base: "b")
        configuration.training.learningRate = 1e-3
        let rates = try LearningRates([], methods: Self.all, configuration: configuration)
        #expect(rates.of(.lora) == [3.3e-4, 1e-3, 3e-3])
        #expect(rates.of(.full) == [1.7e-5, 5e-5, 1.5e-4])
    }

    @Test("given rates are for one method or all")
    func given() throws {
        let rates = try LearningRates(
            ["3e-4,1e-4", "full=1e-5"], methods: Self.all, configuration: RunConfiguration(base: "b"))
        #expect(rates.of(.lora) == [1e-4, 3e-4])
        #expect(rates.of(.partial) == [1e-4, 3e-4])
        #expect(rates.of(.full) == [1e-5])
        #expect(rates.next(best: 3e-4, tried: [1e-4, 3e-4], of: .lora) == nil)
    }

    @Test("a best rate at the edge is followed until it lies inside, or six were tried")
    func followsTheEdge() throws {
        let rates = try LearningRates(
            ["full=1e-5,3e-5"], methods: Self.all, configuration: RunConfiguration(base: "b"))
        let tried = rates.of(.lora)
        #expect(rates.next(best: 6e-4, tried: tried, of: .lora) == 1.8e-3)
        #expect(rates.next(best: 6.7e-5, tried: tried, of: .lora) == 2.2e-5)
        #expect(rates.next(best: 2e-4, tried: tried, of: .lora) == nil)
        #expect(rates.next(best: 1.6e-2, tried: tried + [1.8e-3, 5.4e-3, 1.6e-2], of: .lora) == nil)
        #expect(rates.next(best: 3e-5, tried: [1e-5, 3e-5], of: .full) == nil)
    }

    @Test("what is no rate is named", arguments: ["fast", "1e-4,-1", "lora=", "dora=1e-4", "inf"])
    func refuses(_ text: String) {
        #expect(throws: ComparisonError.self) {
            try LearningRates([text], methods: Self.all, configuration: RunConfiguration(base: "b"))
        }
    }
}
