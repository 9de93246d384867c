public import Configurations
import DurableFiles
import Foundation
public import Lab

/// What is compared, and how: fixed when a comparison begins, read back when it goes on.
public struct ComparisonSettings: Sendable, Equatable, Codable {
    /// What is compared, in this order.
    public var variants: [Variant]
    /// Tried by each method.
    public var learningRates: LearningRates
    /// Workers; the first number trains, each is measured on links where there are any.
    public var workerCounts: [Int]
    /// Compute threads of each worker.
    public var threadCount: Int
    /// Rates of the links that steps are measured on, in a lab; none measures on this machine alone.
    public var links: [LinkRate]
    /// Steps measured on each link.
    public var measuredSteps: Int
    /// A file of general text that the base knew before; nil: what was kept of it is not measured.
    public var generalText: String?

    public init(
        variants: [Variant], learningRates: LearningRates, workerCounts: [Int], threadCount: Int,
        links: [LinkRate], measuredSteps: Int, generalText: String?
    ) {
        self.variants = variants
        self.learningRates = learningRates
        self.workerCounts = workerCounts
        self.threadCount = threadCount
        self.links = links
        self.measuredSteps = measuredSteps
        self.generalText = generalText
    }
}

/// The folder of a comparison.
public struct ComparisonFolder: Sendable {
    public let path: String

    public var configurationPath: String { path + "/config.yaml" }
    public var reportPath: String { path + "/report.html" }
    public var reportDataPath: String { path + "/report.json" }
    private var settingsPath: String { path + "/comparison.json" }

    /// Begins a comparison.
    ///
    /// - Throws: ``ComparisonError`` with code `.usage` for a folder with something in it.
    public static func create(
        at path: String, configuration: RunConfiguration, settings: ComparisonSettings, overwrites: Bool
    ) throws -> ComparisonFolder {
        let folder = ComparisonFolder(path: path)
        try AtomicDirectory.createDirectory(path)
        let present = try FileManager.default.contentsOfDirectory(atPath: path)
        let isComparison = present.contains("comparison.json")
        if isComparison, overwrites {
            for name in ["comparison.json", "config.yaml", "report.html", "report.json", "variants"] {
                try AtomicDirectory.remove(path + "/" + name)
            }
        } else if let name = present.first {
            throw ComparisonError(
                .usage,
                isComparison
                    ? "\(path): holds a comparison; go on with it by --resume \(path), or begin anew with --overwrite"
                    : "\(path): holds \(name) and no comparison; choose an empty or a new directory for --output"
            )
        }
        try AtomicFile.write(configuration.resolvedYAML(), to: folder.configurationPath)
        try AtomicFile.write(ComparisonJSON.text(settings), to: folder.settingsPath)
        return folder
    }

    /// Goes on with a comparison.
    ///
    /// - Throws: ``ComparisonError`` with code `.badData` where `path` holds none.
    public static func resume(at path: String) throws -> (ComparisonFolder, ComparisonSettings) {
        let folder = ComparisonFolder(path: path)
        guard let data = FileManager.default.contents(atPath: folder.settingsPath) else {
            throw ComparisonError(
                .badData,
                "\(path): holds no comparison (comparison.json); give the folder of an earlier --output")
        }
        do {
            return (folder, try ComparisonJSON.decode(ComparisonSettings.self, from: data))
        } catch {
            throw ComparisonError(
                .badData, "\(folder.settingsPath): not readable (\(error)); begin anew with --overwrite")
        }
    }

    private init(path: String) { self.path = path }

    /// The folder of a variant.
    public func folder(of variant: Variant) -> String { "\(path)/variants/\(variant.folderName)" }

    /// Where the run at a learning rate is.
    public func runPath(of variant: Variant, learningRate: Double) -> String {
        "\(folder(of: variant))/lr-\(learningRate)"
    }

    /// Where the run on links is.
    public func labRunPath(of variant: Variant, workerCount: Int, link: LinkRate) -> String {
        "\(folder(of: variant))/lab-\(workerCount)-\(link)"
    }
}
