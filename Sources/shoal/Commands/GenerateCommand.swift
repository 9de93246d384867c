import ArgumentParser
import Foundation
import Tokenizers
import Training

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a text.",
        discussion: """
            The continuation goes to stdout as it is made; the text ends at the model's end token. Without \
            --prompt the prompt is what stands on stdin. Several --adapter with weights are added \
            (--adapter a=DIR:0.7 --adapter b=DIR:0.3); without weights --use NAME chooses one. Of a classifier (an \
            encoder with the adapter of labelled rows) the text's classes are printed, the likeliest first.

            Example:
              shoal generate --base data/SmolLM2-135M-Instruct.Q4_1.gguf --prompt "The capital of France is" --max-tokens 12
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingCommandOptions

    @Option(help: "The text to continue (default: stdin).")
    var prompt: String?

    @Flag(help: "The prompt is a user's message: wrap it in the base's chat template.")
    var chat = false

    @OptionGroup(title: "Messages") var template: ChatTemplateOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if template.chatTemplate != nil && !chat {
            throw ValidationError("--chat-template has no effect without --chat; give both")
        }
    }

    func run() async throws {
        let log = logging.bootstrap()
        let inference = try await model.adapters.model(base: model.base, logger: log)
        let text = prompt ?? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
        if !inference.continuesTexts {
            for found in try TextClassifier(inference).classes(of: text) {
                StandardOutput.write("\(found.label)\t\(Format.decimal(found.probability, 4))\n")
            }
            return
        }
        let ids =
            chat
            ? try inference.promptIDs(
                of: [ChatMessage(role: "user", content: text)],
                template: try inference.chatTemplate(named: template.chatTemplate))
            : try inference.base.tokenizer.encode(text)
        let stream = try inference.makeTextStream(threadCount: model.threadCount)
        _ = try stream.run(prompt: ids, options: sampling.generationOptions(stopIDs: inference.endTokenIDs)) {
            StandardOutput.write($0)
        }
        _ = StandardOutput.write("\n")
    }
}
