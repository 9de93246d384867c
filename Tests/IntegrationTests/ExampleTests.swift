import Foundation
import Testing

/// The examples as they are in the repository, on the tiny base that is shipped with them.
@Suite(.serialized) struct ExampleTests {
    private static let examples = TinyRun.base.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Examples")

    @Test(
        "a few steps of an example bring its held-out loss down by more than 15 %",
        arguments: ["dialogue", "translation", "sentiment", "tutoring"])
    func lossFalls(of example: String) throws {
        let scratch = try Scratch()
        let config = Self.examples.appending(path: "\(example)/config.yaml").path
        let trained = try Shoal.run(
            [
                "train", config, "--workers", "2", "--threads", "1", "--output", scratch.path("run"), "--set",
                "training.max_steps=\(example == "translation" ? 60 : 20)",
            ], in: scratch)
        try #require(trained.status == 0, "\(trained)")
        let before = try loss(config, in: scratch)
        let after = try loss(config, adapter: scratch.path("run/adapter"), in: scratch)
        #expect(before > 0 && after < 0.85 * before, "\(before) before, \(after) after")
    }

    private func loss(_ config: String, adapter: String? = nil, in scratch: Scratch) throws -> Double {
        let outcome = try Shoal.run(
            ["eval", config, "--json"] + (adapter.map { ["--adapter", $0] } ?? []), in: scratch)
        try #require(outcome.status == 0, "\(outcome)")
        let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return try #require(value?["loss"] as? Double)
    }
}
