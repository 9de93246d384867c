/// The names and bytes of tokens by id.
struct TokenTable: Sendable {
    /// One more than the greatest id.
    let count: Int
    private var names: [String?]
    private var starts: [Int] = [0]
    private var bytes: [UInt8] = []
    private var specials: [Bool]

    /// Ids may leave this many unused places for each token that exists, so that a table is not made huge by one id.
    private static let placesPerToken = 8

    /// - Throws: ``TokenizerError`` with code `.malformed` when two tokens have one id or an id is far outside.
    init(
        vocabulary: [(name: String, id: Int32)], addedTokens: [AddedToken], decodingRule: DecodingRule
    ) throws(TokenizerError) {
        let greatest = max(vocabulary.map(\.id).max() ?? -1, addedTokens.map(\.id).max() ?? -1)
        let tokenCount = vocabulary.count + addedTokens.count
        guard Int(greatest) < max(1024, tokenCount * Self.placesPerToken) else {
            throw TokenizerError(
                code: .malformed,
                message: "the token id \(greatest) is far outside a vocabulary of \(tokenCount) tokens")
        }
        count = Int(greatest) + 1
        names = [String?](repeating: nil, count: count)
        specials = [Bool](repeating: false, count: count)
        for (name, id) in vocabulary + addedTokens.map({ ($0.content, $0.id) }) {
            guard names.indices.contains(Int(id)) else {
                throw TokenizerError(code: .malformed, message: "token \"\(name)\" has the negative id \(id)")
            }
            if let other = names[Int(id)], !other.utf8.elementsEqual(name.utf8) {
                throw TokenizerError(
                    code: .malformed, message: "\"\(other)\" and \"\(name)\" have the same token id \(id)")
            }
            names[Int(id)] = name
        }
        for token in addedTokens where token.isSpecial { specials[Int(token.id)] = true }
        for name in names {
            if let name { bytes += decodingRule.bytes(ofName: name) }
            starts.append(bytes.count)
        }
    }

    func name(of id: Int32) -> String? { names.indices.contains(Int(id)) ? names[Int(id)] : nil }

    func isSpecial(_ id: Int32) -> Bool { specials.indices.contains(Int(id)) && specials[Int(id)] }

    func bytes(of id: Int32) -> [UInt8]? {
        guard name(of: id) != nil else { return nil }
        return Array(bytes[starts[Int(id)]..<starts[Int(id) + 1]])
    }

    /// How many bytes the token stands for; 0 when there is none.
    func byteCount(of id: Int32) -> Int {
        names.indices.contains(Int(id)) ? starts[Int(id) + 1] - starts[Int(id)] : 0
    }

    func appendBytes(of id: Int32, to output: inout [UInt8]) {
        guard names.indices.contains(Int(id)) else { return }
        output += bytes[starts[Int(id)]..<starts[Int(id) + 1]]
    }
}
