import ArgumentParser
import Transformers

/// How tokens are chosen and where a text ends.
struct SamplingCommandOptions: ParsableArguments {
    @Option(help: "Tokens to generate at most.")
    var maxTokens = 256

    @Option(help: "0 takes the likeliest token each time (greedy).")
    var temperature = 0.0

    @Option(help: "Only the likeliest tokens that together reach this probability.")
    var topP = 1.0

    @Option(help: "Only the K likeliest tokens.")
    var topK: Int?

    @Option(help: "The same seed chooses the same tokens.")
    var seed: UInt64 = 42

    func validate() throws {
        if maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens), expected 1 or more") }
        if !(temperature >= 0 && temperature.isFinite) {
            throw ValidationError("--temperature is \(temperature), expected 0 or more")
        }
        if !(topP > 0 && topP <= 1) {
            throw ValidationError("--top-p is \(topP), expected a number in (0, 1]")
        }
        if let topK, topK < 1 { throw ValidationError("--top-k is \(topK), expected 1 or more") }
    }

    /// The options of the generator.
    func generationOptions(stopIDs: Set<Int32>) -> GenerationOptions {
        GenerationOptions(
            maximumNewTokens: maxTokens, stopIDs: stopIDs,
            sampling: SamplingOptions(temperature: temperature, topK: topK, topP: topP, seed: seed))
    }
}
