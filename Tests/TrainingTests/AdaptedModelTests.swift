import Adapters
import Testing
import Training

@Suite struct AdaptedModelTests {
    @Test("an adapter larger than the machine's memory is refused with what it needs")
    func memoryIsAskedForFirst() throws {
        try AdaptedModel.requireMemory(forParameterCount: 1 << 20, physicalMemory: 1 << 22)
        for count in [(1 << 20) + 1, Int.max] {
            let error = #expect(throws: AdapterError.self) {
                try AdaptedModel.requireMemory(forParameterCount: count, physicalMemory: 1 << 22)
            }
            #expect(
                error?.message.contains("adapter.r") == true && error?.message.contains("\(count)") == true)
        }
    }
}
