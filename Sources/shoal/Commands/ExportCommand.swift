import ArgumentParser
import Training

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write an adapter in another program's format.",
        discussion: """
            --gguf FILE writes what llama.cpp takes with --lora, beside the base as a GGUF file. The base given here may \
            be a Hugging Face folder or a .gguf file; its names and head counts are needed, not its values.

            Example:
              shoal export --base data/SmolLM2-135M-Instruct.Q4_1.gguf --adapter runs/quickstart/adapter --gguf quickstart.gguf
            """)

    @Option(help: "The base the adapter was trained on: a Hugging Face folder, a .gguf file, or a Hub id.")
    var base: String

    @Option(help: "A PEFT folder, as training leaves it in RUN/adapter.")
    var adapter: String

    @Option(help: "The GGUF file to write.")
    var gguf: String

    @Flag(help: "Accept an adapter that records another base of equal architecture and shapes.")
    var allowDifferentBase = false

    @Flag(help: "Replace FILE if it is there.")
    var overwrite = false

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func run() async throws {
        let log = logging.bootstrap()
        try OutputPath.require(gguf, overwrite: overwrite)
        let summary = try await AdapterExport.write(
            adapter: adapter, base: base, to: gguf, allowsDifferentBase: allowDifferentBase, logger: log)
        StandardOutput.write(
            "\(gguf): \(summary.modules) modules, \(Format.count(summary.byteCount)) bytes\n")
    }
}
