/// What a comparison found: `report.json`, and what the page and the table are made of.
public struct ComparisonReport: Sendable, Equatable, Codable {
    /// Of this structure.
    public static let formatVersion = 1

    public var formatVersion = ComparisonReport.formatVersion
    /// The day it was made, as 2026-11-25.
    public var date: String
    /// Version and commit of Shoal.
    public var shoal: String
    /// Where everything ran.
    public var machine: Machine
    /// The base and the data, in the configuration's own words.
    public var subject: Subject
    public var settings: ComparisonSettings
    /// The bases before training, by their reference.
    public var bases: [BaseResult]
    /// By the settings' variants, as far as they have got.
    public var variants: [VariantResult]
    /// What arithmetic says of other clusters.
    public var computed: [ComputedStep] = []
    /// What arithmetic says of the clusters measured.
    public var checks: [ArithmeticCheck] = []

    public init(
        date: String, shoal: String, machine: Machine, subject: Subject, settings: ComparisonSettings,
        bases: [BaseResult], variants: [VariantResult]
    ) {
        self.date = date
        self.shoal = shoal
        self.machine = machine
        self.subject = subject
        self.settings = settings
        self.bases = bases
        self.variants = variants
        let arithmetic = variants.compactMap { StepArithmetic($0, processors: machine.processors) }
        computed = arithmetic.flatMap(\.table)
        checks = arithmetic.flatMap(\.checks)
    }

    /// The machine that everything ran on.
    public struct Machine: Sendable, Equatable, Codable {
        /// As the processor calls itself.
        public var processor: String
        /// Processors that may be used.
        public var processors: Int
        public var memoryBytes: UInt64

        public init(processor: String, processors: Int, memoryBytes: UInt64) {
            self.processor = processor
            self.processors = processors
            self.memoryBytes = memoryBytes
        }
    }

    /// What is trained on what.
    public struct Subject: Sendable, Equatable, Codable {
        public var base: String
        public var train: [String]
        public var steps: Int
        public var batchSize: Int

        public init(base: String, train: [String], steps: Int, batchSize: Int) {
            self.base = base
            self.train = train
            self.steps = steps
            self.batchSize = batchSize
        }
    }

    /// A base as it was.
    public struct BaseResult: Sendable, Equatable, Codable {
        public var base: String
        public var heldOut: Quality
        public var general: Quality?

        public init(base: String, heldOut: Quality, general: Quality?) {
            self.base = base
            self.heldOut = heldOut
            self.general = general
        }
    }
}
