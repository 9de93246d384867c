import ArgumentParser
import Foundation
import Training

/// Which base, and which adapter on it.
struct ModelOptions: ParsableArguments {
    @Option(help: "A Hugging Face folder, a .gguf file, or a Hub id org/name[@revision].")
    var base: String

    @Option(help: "A PEFT folder, as training leaves it in RUN/adapter.")
    var adapter: String?

    @Flag(help: "Accept an adapter that records another base of equal architecture and shapes.")
    var allowDifferentBase = false

    @Option(help: "Compute threads (default: the processors this process may use).")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads), expected 1 or more") }
    }

    /// Threads to compute with.
    var threadCount: Int { threads ?? ProcessorCount.available() }
}
