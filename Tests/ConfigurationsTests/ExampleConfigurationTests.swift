import Configurations
import Foundation
import Testing

@Suite struct ExampleConfigurationTests {
    @Test func everyExampleInTheRepositoryLoads() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let examples = root.appending(path: "Examples")
        let names = try #require(FileManager.default.enumerator(atPath: examples.path)).compactMap {
            $0 as? String
        }
        let files = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
        #expect(!files.isEmpty)
        for file in files {
            let configuration = try ConfigurationLoader().load(path: examples.appending(path: file).path)
            #expect(!configuration.data.train.isEmpty && !configuration.base.isEmpty)
        }
    }
}
