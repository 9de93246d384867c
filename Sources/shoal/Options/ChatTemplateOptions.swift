import ArgumentParser
import Tokenizers

/// How messages become a prompt.
struct ChatTemplateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write messages in this template instead of the base's own: "
                + ChatTemplate.names.joined(separator: ", ") + ".", valueName: "name"))
    var chatTemplate: String?

    func validate() throws {
        guard let chatTemplate, !ChatTemplate.names.contains(chatTemplate) else { return }
        throw ValidationError(
            "--chat-template is '\(chatTemplate)', expected one of "
                + ChatTemplate.names.joined(separator: ", "))
    }
}
