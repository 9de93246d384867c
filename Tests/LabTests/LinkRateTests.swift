import Foundation
import Lab
import Testing

@Suite struct LinkRateTests {
    @Test(
        "rates are read in tc's spelling",
        arguments: [
            ("100mbit", 1e8), ("1gbit", 1e9), ("2.5Gbit", 2.5e9), ("64kbit", 64e3), ("9600bit", 9600),
        ])
    func reads(_ text: String, _ bits: Double) throws {
        #expect(try LinkRate(text).bitsPerSecond == bits)
        #expect(try LinkRate(text).description == text.lowercased())
    }

    @Test("no limit is a rate, too")
    func unlimited() throws {
        #expect(try LinkRate("unlimited") == .unlimited)
        #expect(LinkRate.unlimited.bitsPerSecond == nil)
    }

    @Test(
        "anything else is refused by name",
        arguments: ["", "fast", "1", "-1mbit", "0gbit", "1gb", "1e9bit x", "nanbit"])
    func refuses(_ text: String) {
        let error = #expect(throws: LabError.self) { try LinkRate(text) }
        #expect(error?.message.contains("'\(text)'") == true)
    }

    @Test("a rate is a string in JSON")
    func coding() throws {
        let data = try JSONEncoder().encode([try LinkRate("1gbit"), .unlimited])
        #expect(String(decoding: data, as: UTF8.self) == #"["1gbit","unlimited"]"#)
        #expect(try JSONDecoder().decode([LinkRate].self, from: data) == [try LinkRate("1gbit"), .unlimited])
    }
}
