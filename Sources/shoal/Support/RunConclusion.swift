import Coordination
import Training

/// The last words about a run, and its exit status.
enum RunConclusion {
    /// Publishes the result of a run that completed; throws the status of one that did not.
    static func conclude(_ ending: RunEnding, run: TrainingRun, command: String) throws {
        switch ending {
        case .completed:
            let step = try run.publish()
            run.close()
            StandardOutput.write("\(run.resultName) of step \(step): \(run.resultPath)\n")
        case .interrupted(let reason, let savedStep):
            run.close()
            let saved = savedStep == 0 ? "before the first step" : "step \(savedStep) is saved"
            throw CommandEnding(
                status: ExitStatus.interrupted,
                message:
                    "interrupted (\(reason)); \(saved). Go on with: shoal \(command) --resume \(run.path)")
        case .failed(let code, let message):
            run.close()
            throw CommandEnding(status: Int32(clamping: code), message: "error: \(message)")
        }
    }
}
