public import Configurations
import Foundation

/// The learning rates that each method is tried with, so that none is judged by another's.
public struct LearningRates: Sendable, Equatable, Codable {
    /// Rates tried at most for a variant where none were given.
    public static let mostTried = 6

    /// By the method's name, ascending.
    private let rates: [String: [Double]]
    /// Methods whose rates were not given; nil in a comparison that was begun before there was ``next(best:tried:of:)``.
    private let open: Set<String>?

    /// Around the rate that a method has by default (for the configuration's own method: that the configuration
    /// names): a third of it, itself, and three times it.
    ///
    /// - Parameter given: the values of `--learning-rates`: `1e-4,3e-4` for every method, `full=1e-5,3e-5` for one.
    /// - Throws: ``ComparisonError`` with code `.usage` for a value that is no rate, or a method that there is not.
    public init(_ given: [String], methods: [TrainingMethod], configuration: RunConfiguration)
        throws(ComparisonError)
    {
        var rates: [String: [Double]] = [:]
        var general: [Double]?
        for text in given {
            guard let equals = text.firstIndex(of: "=") else {
                general = try Self.parse(text[...], in: text)
                continue
            }
            guard let method = TrainingMethod(rawValue: String(text[..<equals])), methods.contains(method)
            else {
                throw ComparisonError(
                    .usage,
                    "--learning-rates '\(text)': '\(text[..<equals])' is none of the methods compared ("
                        + methods.map(\.rawValue).joined(separator: ", ") + ")")
            }
            rates[method.rawValue] = try Self.parse(text[text.index(after: equals)...], in: text)
        }
        var open: Set<String> = []
        for method in methods where rates[method.rawValue] == nil {
            if general == nil { open.insert(method.rawValue) }
            var own = configuration
            if method != configuration.method { own.training.learningRate = nil }
            own.method = method
            let center = own.learningRate
            rates[method.rawValue] = general ?? [center / 3, center, center * 3].map(Self.rounded)
        }
        self.rates = rates
        self.open = open
    }

    /// Those of a method.
    public func of(_ method: TrainingMethod) -> [Double] { rates[method.rawValue] ?? [] }

    /// One to try beyond `best`, where that is the lowest or the highest tried: a third of it or three times it.
    ///
    /// - Returns: nil where the best lies inside, the rates were given, or ``mostTried`` were tried.
    public func next(best: Double, tried: [Double], of method: TrainingMethod) -> Double? {
        guard open?.contains(method.rawValue) == true, tried.count < Self.mostTried else { return nil }
        if best == tried.max() { return Self.rounded(best * 3) }
        return best == tried.min() ? Self.rounded(best / 3) : nil
    }

    private static func parse(_ list: Substring, in text: String) throws(ComparisonError) -> [Double] {
        var result: Set<Double> = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let rate = Double(part), rate > 0, rate.isFinite else {
                throw ComparisonError(.usage, "--learning-rates '\(text)': '\(part)' is no learning rate")
            }
            result.insert(rate)
        }
        return result.sorted()
    }

    /// Two digits are as exact as such a choice can be.
    private static func rounded(_ rate: Double) -> Double { Double(String(format: "%.1e", rate)) ?? rate }
}
