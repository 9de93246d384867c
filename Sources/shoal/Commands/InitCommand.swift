import ArgumentParser
import Configurations
import Datasets
import Foundation

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a commented configuration to start from.",
        discussion: """
            Every key is there with its default and what it means. --from converts an Axolotl configuration and \
            lists at the head of the file what has no counterpart. Paths stand in it as you give them: they are \
            relative to the configuration's folder, or else to where you run from.

            Example:
              shoal init --base data/SmolLM2-135M-Instruct.Q4_1.gguf --data data/reviews.train.jsonl --output reviews.yaml
            """)

    @Option(help: "A Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String?

    @Option(help: "A file of rows to train on; may be repeated.")
    var data: [String] = []

    @Option(help: "A file of rows to evaluate on; may be repeated.")
    var valid: [String] = []

    @Option(help: ArgumentHelp("Convert this Axolotl configuration.", valueName: "axolotl.yml"))
    var from: String?

    @Option(help: "Write to this file, which must not be there yet (default: stdout).")
    var output: String?

    func run() throws {
        let text = try template().render()
        guard let output else {
            StandardOutput.write(text)
            return
        }
        do {
            try Data(text.utf8).write(to: URL(filePath: output), options: .withoutOverwriting)
        } catch let error as CocoaError where error.code == .fileWriteFileExists {
            throw CommandEnding(
                status: ExitStatus.usage,
                message: "error: \(output) is there already and is left as it is; name another --output")
        } catch {
            throw CommandEnding(
                status: ExitStatus.inputOutput,
                message: "error: \(output) cannot be written: \(error.localizedDescription)")
        }
        StandardError.write("wrote \(output); next: shoal preflight \(output)\n")
    }

    private func template() throws -> ConfigurationTemplate {
        var result = ConfigurationTemplate(
            base: base ?? "BASE", train: try data.map(Self.describe), valid: try valid.map(Self.describe))
        if let output { result.fileName = output }
        if let from {
            guard let bytes = FileManager.default.contents(atPath: from) else {
                throw CommandEnding(
                    status: ExitStatus.inputOutput, message: "error: \(from): cannot be read; does it exist?")
            }
            let conversion = try AxolotlConversion(yaml: String(decoding: bytes, as: UTF8.self), source: from)
            result.values = conversion.values
            // What is said on the command line goes before the file.
            if base != nil { result.values["base"] = nil }
            if !data.isEmpty { result.values["data.train"] = nil }
            if !valid.isEmpty { result.values["data.valid"] = nil }
            if !conversion.remarks.isEmpty {
                result.notes = ["From \(from):"] + conversion.remarks.map { "  \($0)" }
            }
        }
        if result.values["base"] == nil, base == nil {
            result.notes.append("Write the base in place of BASE: a folder, a .gguf file, or org/name.")
        }
        if result.values["data.train"] == nil, data.isEmpty {
            result.notes.append(
                "Name your rows in data.train: JSON Lines, as docs/configuration.md describes them.")
        }
        return result
    }

    private static func describe(_ path: String) throws -> ConfigurationTemplate.DataFile {
        let (shape, rowCount) = try Dataset.describe(path: path)
        return ConfigurationTemplate.DataFile(path: path, shape: shape.title, rowCount: rowCount)
    }
}
