import ArgumentParser
import Training
import WeightFiles

struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Add adapters into their base: a model that needs no adapter.",
        discussion: """
            Writes a complete Hugging Face folder: config.json, model.safetensors and the tokenizer, of a GGUF base too. \
            Several --adapter are added, each times its weight (--adapter a=DIR:0.7 --adapter b=DIR:0.3; 1 where none is \
            given). An adapter that records another base is refused. F16 and BF16 are the Float32 sum rounded once.

            Example:
              shoal merge --base data/SmolLM2-135M-Instruct.Q4_1.gguf --adapter runs/quickstart/adapter --output runs/quickstart/merged --dtype bf16
            """)

    enum ElementKind: String, ExpressibleByArgument, CaseIterable {
        case f32
        case f16
        case bf16

        var elementType: ElementType {
            switch self {
            case .f32: .float32
            case .f16: .float16
            case .bf16: .bfloat16
            }
        }
    }

    @Option(help: "The base: a Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String

    @Option(
        name: .customLong("adapter"),
        help: ArgumentHelp("A PEFT folder; may be repeated.", valueName: "[name=]DIR[:weight]"))
    var adapters: [String]

    @Option(help: "The folder to write; it must not exist.")
    var output: String

    @Option(help: "The type of the weights: f32, f16 or bf16.")
    var dtype: ElementKind = .f32

    @Flag(help: "Accept an adapter that records another base of equal architecture and shapes.")
    var allowDifferentBase = false

    @OptionGroup(title: "Output") var logging: LoggingOptions

    func validate() throws {
        if adapters.isEmpty { throw ValidationError("give an --adapter") }
        do {
            _ = try adapters.map { (text) throws(TrainingError) in try AdapterReference(text) }
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() async throws {
        let log = logging.bootstrap()
        try OutputPath.require(output, overwrite: false)
        let summary = try await AdapterMerge.write(
            base: base, adapters: try adapters.map { try AdapterReference($0) }, to: output,
            elementType: dtype.elementType, allowsDifferentBase: allowDifferentBase, logger: log)
        StandardOutput.write(
            "\(output): \(summary.tensors) tensors in \(dtype.rawValue), \(summary.modules) changed, "
                + "\(Format.count(summary.byteCount)) bytes\n")
    }
}
