/// A reader of untrusted bytes, and what is known of them.
public protocol FuzzTarget: AnyObject, SendableMetatype {
    /// Its name on the command line.
    static var name: String { get }

    /// Well-formed inputs to start from.
    var corpus: [FuzzInput] { get }

    /// Words that stand in such inputs, for mutations that keep a text's grammar.
    var words: [[UInt8]] { get }

    /// Opens what the target needs: fixtures, and a folder in memory that it may fill.
    init(_ workspace: FuzzWorkspace) throws

    /// Changes an input; `other` is another of the corpus.
    func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator)

    /// Puts the input through the shipped reader.
    ///
    /// - Returns: whether the reader took it.
    /// - Throws: ``FuzzFailure`` when what it took breaks a promise. The reader's own errors are refusals.
    func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool
}

extension FuzzTarget {
    public var words: [[UInt8]] { [] }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        let index = mutator.random.below(input.parts.count)
        let spare = mutator.random.pick(other.parts).bytes
        mutator.mutate(&input.parts[index].bytes, other: spare, words: words)
    }

    /// The input of `seed`: the same in every run with the same corpus.
    public func input(seed: UInt64) -> FuzzInput {
        var mutator = FuzzMutator(random: FuzzRandom(seed: seed))
        var input = mutator.random.pick(corpus)
        let other = mutator.random.pick(corpus)
        mutate(&input, other: other, &mutator)
        return input
    }
}

/// A promise that an accepted input breaks.
public struct FuzzFailure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// All targets, in the order in which they run.
public enum FuzzTargets {
    public static let all: [any FuzzTarget.Type] = [
        MessageTarget.self, MachinesTarget.self, SafetensorsTarget.self, GGUFTarget.self,
        TokenizerTarget.self, VocabularyTarget.self, RowsTarget.self,
        AdapterTarget.self, ConfigurationTarget.self, CheckpointTarget.self, BaseTarget.self,
    ]

    /// The one called `name`, `planted` included, which misbehaves on purpose.
    public static func named(_ name: String) -> (any FuzzTarget.Type)? {
        (all + [PlantedTarget.self]).first { $0.name == name }
    }
}
