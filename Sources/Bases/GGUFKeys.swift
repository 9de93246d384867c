import WeightFiles

/// Metadata of a GGUF file under a common prefix.
struct GGUFKeys {
    let file: GGUFFile
    let prefix: String

    func value(_ key: String) -> GGUFValue? { file.metadata[prefix + key] }

    func missing(_ key: String) -> BaseError {
        BaseError(.invalid, file.path, "metadata '\(prefix + key)' is missing; fetch the file again")
    }

    func optionalInteger(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integer, range.contains(integer) else {
            throw BaseError(
                .invalid, file.path,
                "metadata '\(prefix + key)' is \(value.summary), expected an integer from"
                    + " \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
        guard let integer = try optionalInteger(key, in: range) else { throw missing(key) }
        return integer
    }

    func optionalNumber(_ key: String) throws -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.number, number.isFinite, number > 0 else {
            throw BaseError(
                .invalid, file.path,
                "metadata '\(prefix + key)' is \(value.summary), expected a positive number")
        }
        return number
    }

    func number(_ key: String) throws -> Double {
        guard let number = try optionalNumber(key) else { throw missing(key) }
        return number
    }

    /// Rows of the embedding, which have to be those that the metadata announces.
    func vocabularySize(hiddenSize: Int) throws -> Int {
        let embedding = try file.requireTensor(named: "token_embd.weight")
        guard embedding.shape.count == 2, embedding.shape[1] == hiddenSize else {
            throw WeightFileError(
                code: .mismatch,
                message:
                    "\(file.path): tensor 'token_embd.weight': has shape \(embedding.shapeText), expected"
                    + " [tokens, \(hiddenSize)]; fetch the file again", path: file.path,
                tensor: embedding.name)
        }
        if let announced = try optionalInteger("vocab_size", in: 1...(1 << 24)),
            announced != embedding.shape[0]
        {
            throw BaseError(
                .invalid, file.path,
                "\(prefix)vocab_size is \(announced), but token_embd.weight has \(embedding.shape[0]) rows"
            )
        }
        return embedding.shape[0]
    }
}
