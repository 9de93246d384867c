import Comparison
import Configurations
import Foundation
import Glibc
import Lab
import Logging
import Training

/// Makes a comparison: trains, evaluates and measures one variant after the other, each step of it a process of its
/// own, and writes the report anew after each. What is finished is not done again.
struct ComparisonRunner {
    let folder: ComparisonFolder
    let settings: ComparisonSettings
    let configuration: RunConfiguration
    let interruption: Interruption
    let log: Logger

    /// A signal came; what was under way is saved.
    struct Interrupted: Error {}

    /// A variant cannot go on; the others can.
    private struct VariantFailure: Error { var reason: String }

    /// - Throws: ``Interrupted``; errors of the comparison's own files.
    func run() async throws -> ComparisonReport {
        var bases: [ComparisonReport.BaseResult] = []
        var results: [VariantResult] = []
        var report = report(bases, results)
        for variant in settings.variants {
            let base = try ConfigurationLoader(overrides: variant.overrides).load(
                path: folder.configurationPath
            ).base
            var result = VariantResult(variant: variant, base: base, threadCount: settings.threadCount)
            do {
                if !bases.contains(where: { $0.base == base }) {
                    bases.append(try await measureBase(base, variant))
                }
                try await measure(&result)
            } catch let failure as VariantFailure {
                result.failure = failure.reason
                log.warning("\(variant.name): \(failure.reason)")
            }
            results.append(result)
            report = self.report(bases, results)
            try ComparisonJSON.text(report).write(
                toFile: folder.reportDataPath, atomically: true, encoding: .utf8)
            try ReportPage.html(report).write(toFile: folder.reportPath, atomically: true, encoding: .utf8)
        }
        return report
    }

    private func report(_ bases: [ComparisonReport.BaseResult], _ results: [VariantResult])
        -> ComparisonReport
    {
        let steps = results.compactMap { $0.best?.curve.loss.count }.max() ?? 0
        return ComparisonReport(
            date: String(Date.now.ISO8601Format().prefix(10)),
            shoal: Version.description.split(separator: "\n").joined(separator: "; "), machine: .here(),
            subject: .init(
                base: configuration.base, train: configuration.data.train, steps: steps,
                batchSize: configuration.training.batchSize), settings: settings, bases: bases,
            variants: results)
    }

    // MARK: One variant

    private func measure(_ result: inout VariantResult) async throws {
        let variant = result.variant
        var reasons: [String] = []
        var rates = settings.learningRates.of(variant.method)
        var tried: [Double] = []
        while !rates.isEmpty {
            let rate = rates.removeFirst()
            tried.append(rate)
            do {
                result.trials.append(try await trial(variant, learningRate: rate))
            } catch let failure as VariantFailure {
                // A rate at which it does not learn says nothing of the others.
                reasons.append("at learning rate \(rate): \(failure.reason)")
            }
            if rates.isEmpty, let best = result.best?.learningRate {
                rates +=
                    settings.learningRates.next(best: best, tried: tried, of: variant.method).map { [$0] }
                    ?? []
            }
        }
        guard let best = result.best else {
            throw VariantFailure(reason: reasons.first ?? "no learning rate gave a loss on held-out rows")
        }
        for reason in reasons { log.warning("\(variant.name) \(reason)") }
        try discard(result.trials.filter { $0 != best }.map(\.learningRate), of: variant)
        for workers in settings.workerCounts {
            for link in settings.links {
                result.measurements.append(
                    try await measurement(variant, best: best, workers: workers, link: link))
            }
        }
    }

    /// Removes what only a run that is to go on needs: with all parameters trained it is gigabytes.
    private func discard(_ rates: [Double], of variant: Variant) throws {
        for rate in rates {
            for name in ["checkpoints", "model"] {
                try? FileManager.default.removeItem(
                    atPath: "\(folder.runPath(of: variant, learningRate: rate))/\(name)")
            }
        }
    }

    /// Trains at a learning rate and evaluates; or reads what an earlier life of this comparison found.
    private func trial(_ variant: Variant, learningRate: Double) async throws -> VariantResult.Trial {
        let path = folder.runPath(of: variant, learningRate: learningRate)
        let kept = path + ".json"
        if let data = FileManager.default.contents(atPath: kept) {
            return try ComparisonJSON.decode(VariantResult.Trial.self, from: data)
        }
        let title = "\(variant.name), learning rate \(learningRate)"
        let joules = try await train(variant, learningRate: learningRate, path: path, title: title)
        let run = try MeasuredRun(path: path)
        guard let steps = run.steps else { throw VariantFailure(reason: "the run has no steps") }
        let trained = trainedArguments(path)
        let trial = VariantResult.Trial(
            learningRate: learningRate,
            heldOut: try await evaluate(
                [path + "/config.yaml"] + trained, log: path + ".log", title: "\(title): held-out rows"),
            general: try await evaluateGeneral(
                [path + "/config.yaml"] + trained, log: path + ".log", title: title),
            stored: try StoredFigures(run: path), steps: steps, curve: run.curve,
            joulesPerStep: joules.map { $0 / Double(max(1, run.stepCount)) })
        try ComparisonJSON.text(trial).write(toFile: kept, atomically: true, encoding: .utf8)
        return trial
    }

    /// What `shoal eval` is given to find what a run trained.
    private func trainedArguments(_ path: String) -> [String] {
        FileManager.default.fileExists(atPath: path + "/adapter")
            ? ["--adapter", path + "/adapter"] : ["--base", path + "/model"]
    }

    /// - Returns: joules used; nil where they cannot be read, or the run was interrupted in between.
    private func train(_ variant: Variant, learningRate: Double, path: String, title: String) async throws
        -> Double?
    {
        let manager = FileManager.default
        if manager.fileExists(atPath: path + "/adapter") || manager.fileExists(atPath: path + "/model") {
            return nil
        }
        let isBegun = manager.fileExists(atPath: path + "/run.json")
        let common = [
            "--workers", "\(settings.workerCounts[0])", "--threads", "\(settings.threadCount)",
        ]
        let meter = isBegun ? nil : EnergyMeter()
        let ending = try await run(
            ["train"]
                + (isBegun
                    ? ["--resume", path] : begun(variant, learningRate: learningRate, path: path)) + common,
            log: path + ".log", title: title, watching: path)
        guard ending.status == 0 else { throw failure(ending, log: path + ".log") }
        return meter?.stop()
    }

    private func begun(_ variant: Variant, learningRate: Double, path: String) -> [String] {
        let overrides = variant.overrides + ["training.learning_rate=\(learningRate)", "checkpoint.keep=1"]
        return [folder.configurationPath, "--output", path] + overrides.flatMap { ["--set", $0] }
    }

    /// Runs the first steps on hosts with links of a rate.
    private func measurement(
        _ variant: Variant, best: VariantResult.Trial, workers: Int, link: LinkRate
    ) async throws -> VariantResult.Measurement {
        let path = folder.labRunPath(of: variant, workerCount: workers, link: link)
        let kept = path + ".json"
        if let data = FileManager.default.contents(atPath: kept) {
            return try ComparisonJSON.decode(VariantResult.Measurement.self, from: data)
        }
        // Half a measurement is none: it begins anew.
        try? FileManager.default.removeItem(atPath: path)
        let network: LabNetwork
        do {
            network = try LabNetwork.up(
                name: "compare\(getpid())", workerHostCount: workers, rate: link)
        } catch {
            throw VariantFailure(reason: "\(error)")
        }
        defer { do { try network.down() } catch { log.warning("\(error)") } }
        let title =
            "\(variant.name): \(settings.measuredSteps) steps of \(workers) workers, links \(link)"
        let words = try logFile(path + ".log")
        let base = try ConfigurationLoader(overrides: variant.overrides).load(path: folder.configurationPath)
            .base
        let cluster = LabCluster(
            network: network, workerCount: workers, threadCount: settings.threadCount, base: base,
            words: words, log: log)
        let progress = ComparisonProgress(title: title, path: path, isQuiet: isQuiet)
        let status = try await cluster.run(begun(variant, learningRate: best.learningRate, path: path)) {
            interruption.watch($0)
            progress.start(stopping: $0, after: settings.measuredSteps)
        }
        progress.finish()
        if interruption.isInterrupted { throw Interrupted() }
        let run = try MeasuredRun(path: path)
        guard status == 0 || status == ExitStatus.interrupted, let steps = run.steps,
            run.stepCount >= min(settings.measuredSteps, best.curve.loss.count)
        else {
            throw failure(ChildProcess.Ending(status: status), log: path + ".log")
        }
        let trained = try MeasuredRun(path: folder.runPath(of: variant, learningRate: best.learningRate))
        let result = VariantResult.Measurement(
            link: link, steps: steps, hasSameGradients: run.hasSameGradients(as: trained))
        try ComparisonJSON.text(result).write(toFile: kept, atomically: true, encoding: .utf8)
        for name in ["checkpoints", "model"] {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
        return result
    }

    // MARK: Evaluation

    private func measureBase(_ base: String, _ variant: Variant) async throws -> ComparisonReport.BaseResult {
        let file = folder.folder(of: variant) + "/base.json"
        if let data = FileManager.default.contents(atPath: file) {
            return try ComparisonJSON.decode(ComparisonReport.BaseResult.self, from: data)
        }
        let log = folder.folder(of: variant) + "/base.log"
        let arguments = [folder.configurationPath, "--base", base]
        let result = ComparisonReport.BaseResult(
            base: base,
            heldOut: try await evaluate(arguments, log: log, title: "the base: held-out rows"),
            general: try await evaluateGeneral(arguments, log: log, title: "the base"))
        try ComparisonJSON.text(result).write(toFile: file, atomically: true, encoding: .utf8)
        return result
    }

    private func evaluateGeneral(_ arguments: [String], log: String, title: String) async throws
        -> Quality?
    {
        guard let general = settings.generalText else { return nil }
        return try await evaluate(
            arguments + ["--data", general], log: log, title: "\(title): general text")
    }

    private func evaluate(_ arguments: [String], log: String, title: String) async throws -> Quality {
        let ending = try await run(
            ["eval"] + arguments + ["--json"], log: log, title: title, keepsOutput: true)
        guard ending.status == 0 else { throw failure(ending, log: log) }
        return try ComparisonJSON.decode(Quality.self, from: ending.output)
    }

    // MARK: Processes

    private var isQuiet: Bool { log.logLevel > .info }

    /// Runs `shoal` with `arguments`, what it says into `log`.
    private func run(
        _ arguments: [String], log path: String, title: String, watching run: String? = nil,
        keepsOutput: Bool = false
    ) async throws -> ChildProcess.Ending {
        if interruption.isInterrupted { throw Interrupted() }
        let child = ChildProcess(
            [try ChildProcess.shoal().path] + arguments, errors: try logFile(path), keepsOutput: keepsOutput)
        interruption.watch(child)
        let progress = ComparisonProgress(title: title, path: run, isQuiet: isQuiet)
        progress.start()
        defer { progress.finish() }
        let ending = try await child.run()
        if interruption.isInterrupted { throw Interrupted() }
        return ending
    }

    private func logFile(_ path: String) throws -> FileHandle {
        let manager = FileManager.default
        let folder = (path as NSString).deletingLastPathComponent
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if !manager.fileExists(atPath: path) {
            _ = manager.createFile(atPath: path, contents: nil)
        }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        return file
    }

    /// A process's own last error, else its status.
    private func failure(_ ending: ChildProcess.Ending, log path: String) -> VariantFailure {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").last { $0.contains("error: ") }
        let reason = line.map { String($0[($0.range(of: "error: ")?.upperBound ?? $0.startIndex)...]) }
        return VariantFailure(
            reason: reason
                ?? "ended with status \(ending.status)\(ending.status == 137 ? ", killed: out of memory?" : ""); see \(path)"
        )
    }
}
