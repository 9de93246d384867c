import ArgumentParser
import Foundation
import Training

/// Which base, and which adapters on it.
struct ModelOptions: ParsableArguments {
    @Option(help: "A Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String

    @OptionGroup var adapters: AdapterOptions

    @Option(help: "Compute threads (default: the processors this process may use).")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
    }

    /// Threads to compute with.
    var threadCount: Int { threads ?? ProcessorCount.available() }
}
