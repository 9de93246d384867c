import ArgumentParser
import Training

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a base, an adapter, a checkpoint or a run holds.",
        discussion: """
            Reads headers only; nothing is expanded or loaded.

            Example:
              shoal inspect runs/quickstart/adapter
              shoal inspect runs/quickstart/adapter runs/quickstart/merged
            """)

    @Argument(
        help: "Bases (folders or .gguf), PEFT folders, adapters as .gguf, checkpoints, or RUN folders.")
    var paths: [String]

    @Flag(help: "List every tensor.")
    var tensors = false

    func run() throws {
        for path in paths {
            let inspection = try Inspection(path: path)
            StandardOutput.write("\(inspection.path): \(inspection.kind)\n")
            StandardOutput.write(Format.table(inspection.properties.map { ["  " + $0.name, $0.value] }))
            if tensors {
                let rows = inspection.tensors.map { [$0.name, $0.elementType, "\($0.shape)"] }
                StandardOutput.write(Format.table([["tensor", "type", "shape"]] + rows))
            }
        }
    }
}
