import ArgumentParser
import Foundation
import Tokenizers
import Training

struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk to a base or an adapter.",
        discussion: """
            A line is a message; the whole conversation is kept. /new begins another, /exit (or Ctrl-D) ends. With \
            several --adapter, /use NAME changes over between messages, /use none to the base alone, and /use says \
            which there are. With weights (--adapter a=DIR:0.7 --adapter b=DIR:0.3) their sum answers, called 'all'. \
            The answers go to stdout, so a file of lines on stdin gives a file of answers.

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
        let adapters = try await model.adapters.open(base: model.base, logger: log)
        let choice = try AdapterSwitch(
            adapters: adapters, name: model.adapters.chosenName(in: adapters), threadCount: model.threadCount)
        let inference = try choice.model()
        let chatTemplate = try inference.chatTemplate(named: template.chatTemplate)
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
            if text == "/use" || text.hasPrefix("/use ") {
                StandardError.write(use(text.dropFirst(4).trimmingCharacters(in: .whitespaces), choice))
                continue
            }
            if text.hasPrefix("/"), !text.dropFirst().contains(where: { $0 == "/" || $0.isWhitespace }) {
                StandardError.write("\(text) is no command here; there are /new, /use and /exit\n")
                continue
            }
            messages.append(ChatMessage(role: "user", content: text))
            var answer = ""
            var isRead = true
            _ = try choice.stream().run(
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

    /// Changes over to the adapter called `name`; what is to be told of it.
    private func use(_ name: String, _ choice: AdapterSwitch) -> String {
        let current = choice.name ?? "none"
        if name.isEmpty { return "in use: \(current); there are \(choice.choices.joined(separator: ", "))\n" }
        do {
            let time = try ContinuousClock().measure { try choice.use(name) }
            let milliseconds = Double(time.components.attoseconds) / 1e15
            return "in use: \(name) (changed over in \(Format.decimal(milliseconds, 3)) ms)\n"
        } catch {
            return "\(error)\n"
        }
    }
}
