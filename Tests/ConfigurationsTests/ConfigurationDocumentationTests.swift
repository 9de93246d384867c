import Configurations
import Foundation
import Testing

@Suite struct ConfigurationDocumentationTests {
    @Test func thePageHasEveryKeyWithItsDefaultAndNoOther() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/configuration.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let documented = rows.map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
        let defaults = RunConfiguration(base: "b")
        #expect(documented.map(\.[0]) == ConfigurationSchema.keys.map { "`\($0.path)`" })
        for (row, key) in zip(documented, ConfigurationSchema.keys) where row[1] != "needed" {
            #expect(row[1] == "`\(key.yaml(defaults))`", "\(key.path)")
        }
    }
}
