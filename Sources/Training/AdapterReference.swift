import Foundation

/// An adapter as a command line names it: `[name=]DIR[:weight]`.
public struct AdapterReference: Sendable, Equatable {
    /// What it is called; the folder's name where none was given.
    public let name: String
    /// A PEFT folder.
    public let path: String
    /// How much of it is added to others; nil where none was given.
    public let weight: Float?

    /// Names that mean something else where adapters are chosen.
    public static let reservedNames = ["none", AdapterSet.sumName]

    /// Reads `[name=]DIR[:weight]`. A name is of letters, digits, `-`, `_` and `.`; a folder that exists under the
    /// whole text is meant by it.
    ///
    /// - Throws: ``TrainingError`` with code `.invalidAdapterReference` that says what is wrong.
    public init(_ text: String) throws(TrainingError) {
        func wrong(_ problem: String) -> TrainingError {
            TrainingError(
                .invalidAdapterReference,
                "--adapter \(text): \(problem); expected [name=]DIR[:weight]")
        }
        var rest = text[...]
        var name: String?
        if let end = text.firstIndex(of: "="), !FileManager.default.fileExists(atPath: text) {
            let candidate = text[..<end]
            if !candidate.isEmpty, candidate.allSatisfy(Self.isPartOfName) {
                name = String(candidate)
                rest = text[text.index(after: end)...]
            } else if !candidate.contains("/") {
                throw wrong("'\(candidate)' is no name")
            }
        }
        var weight: Float?
        if let colon = rest.lastIndex(of: ":"), !FileManager.default.fileExists(atPath: String(rest)) {
            let digits = rest[rest.index(after: colon)...]
            guard let number = Float(digits), number.isFinite else { throw wrong("'\(digits)' is no weight") }
            weight = number
            rest = rest[..<colon]
        }
        guard !rest.isEmpty else { throw wrong("no folder") }
        path = String(rest)
        self.weight = weight
        self.name = name ?? URL(filePath: path).lastPathComponent
        if Self.reservedNames.contains(self.name) {
            throw wrong("'\(self.name)' means something else; give it another name")
        }
    }

    private static func isPartOfName(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
    }
}
