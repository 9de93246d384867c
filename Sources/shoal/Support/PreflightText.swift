import Datasets
import Training

/// What `shoal preflight` and the first lines of `shoal train` say alike.
enum PreflightText {
    /// How much of the base is trained.
    static func trained(_ preflight: Preflight) -> String {
        let share = "(\(Format.decimal(100 * preflight.share, 2)) %)"
        let (trained, base) = (
            Format.count(preflight.parameterCount), Format.count(preflight.baseParameterCount)
        )
        return preflight.trainsBase
            ? "\(trained) of the base's \(base) parameters are trained \(share)"
            : "\(trained) trained parameters beside \(base) of the base \(share)"
    }

    /// The data and the length of the run.
    static func work(_ preflight: Preflight) -> String {
        "\(Format.count(preflight.data.rows)) rows, \(Format.count(preflight.data.totalSteps)) steps; a step feeds "
            + "\(preflight.usefulThreadCount) threads"
    }

    /// What to say where `threads` of all workers together are more than a step can feed.
    static func threadWarning(_ preflight: Preflight, threads: Int) -> String? {
        guard threads > preflight.usefulThreadCount else { return nil }
        return
            "\(threads) compute threads, but the usual step has \(preflight.usefulThreadCount) micro-batches, one "
            + "thread's work each; raise training.micro_batches (it is part of the run's bits) or "
            + "training.batch_size, or use fewer threads"
    }
}
