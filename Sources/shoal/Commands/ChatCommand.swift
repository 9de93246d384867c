import ArgumentParser
import Foundation
import Tokenizers
import Training

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk to a base or an adapter.",
        discussion: """
            A line is a message; the whole conversation is kept. /new begins another, /exit (or Ctrl-D) ends. The \
            answers go to stdout, so a file of lines on stdin gives a file of answers.

            Example:
              shoal chat --base data/SmolLM2-135M-Instruct.Q4_1.gguf --temperature 0.7
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingCommandOptions

    @Option(help: "A system message before each conversation.")
    var system: String?

    @OptionGroup(title: "Messages") var template: ChatTemplateOptions
    @OptionGroup(title: "Output") var logging: LoggingOptions

    func run() async throws {
        let log = logging.bootstrap()
        let inference = try await InferenceModel(
            base: model.base, adapter: model.adapter, allowsDifferentBase: model.allowDifferentBase,
            logger: log)
        let chatTemplate = try inference.chatTemplate(named: template.chatTemplate)
        let stream = inference.makeTextStream(threadCount: model.threadCount)
        let options = sampling.generationOptions(stopIDs: inference.endTokenIDs)
        let opening = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
        var messages = opening
        let isTerminal = isatty(STDIN_FILENO) == 1
        while true {
            if isTerminal { StandardError.write("> ") }
            guard let line = readLine() else { break }
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            if text == "/exit" { break }
            if text == "/new" {
                messages = opening
                continue
            }
            if text.hasPrefix("/"), !text.dropFirst().contains(where: { $0 == "/" || $0.isWhitespace }) {
                StandardError.write("\(text) is no command here; there are /new and /exit\n")
                continue
            }
            messages.append(ChatMessage(role: "user", content: text))
            var answer = ""
            var isRead = true
            _ = try stream.run(
                prompt: try inference.promptIDs(of: messages, template: chatTemplate), options: options
            ) { piece in
                answer += piece
                isRead = StandardOutput.write(piece)
                return isRead
            }
            guard isRead, StandardOutput.write("\n") else { break }
            messages.append(ChatMessage(role: "assistant", content: answer))
        }
    }
}
