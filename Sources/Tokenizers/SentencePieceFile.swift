/// What a SentencePiece `.model` file says: pieces with their scores, and how text is normalised.
///
/// The file comes from outside. It is read here, checked, and written anew before libsentencepiece sees it
/// (``serialized``), so that the library meets only what this type lets through.
///
/// Source: google/sentencepiece 0.1.97, `sentencepiece_model.proto`.
struct SentencePieceFile: Sendable {
    enum Kind: UInt64, Sendable {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    struct Piece: Sendable {
        var text = ""
        var score: Float = 0
        var kind = Kind.normal
    }

    enum ModelType: UInt64, Sendable {
        case unigram = 1
        case pairs
    }

    private(set) var pieces: [Piece] = []
    private(set) var type = ModelType.unigram
    private(set) var hasByteFallback = false
    private(set) var characterMap: [UInt8] = []
    /// Whether a space is put before a text, whether runs of spaces become one, and whether spaces become `▁`.
    private(set) var addsPrefix = true
    private(set) var removesExtraSpaces = true
    private(set) var replacesSpaces = true
    private(set) var unknownPiece = "<unk>"
    /// Ids of special pieces as the trainer was told them; nil where there is none.
    private(set) var bosID: Int32? = 1
    private(set) var eosID: Int32? = 2
    private(set) var padID: Int32?

    /// Pieces are short; a longer one would make encoding slow.
    private static let longestPieceByteCount = 1024

    /// - Throws: ``TokenizerError`` with code `.malformed` or `.unsupported`, saying what is wrong.
    init(_ bytes: [UInt8], fileName: String) throws(TokenizerError) {
        var fields = ProtobufFields(bytes[...], context: fileName)
        while let field = try fields.next() {
            switch field.number {
            case 1: try readPiece(try field.bytes(fileName), fileName)
            case 2: try readTrainer(try field.bytes(fileName), fileName)
            case 3: try readNormalizer(try field.bytes(fileName), fileName)
            // Test texts, and what is done to text after decoding, which is nothing unless the trainer was told so.
            case 5 where !(try field.bytes(fileName)).isEmpty: try readDenormalizer(field, fileName)
            default: break
            }
        }
        try check(fileName)
    }

    private mutating func readPiece(_ bytes: ArraySlice<UInt8>, _ context: String) throws(TokenizerError) {
        var piece = Piece()
        var fields = ProtobufFields(bytes, context: context)
        while let field = try fields.next() {
            switch field.number {
            case 1: piece.text = try field.text(context)
            case 2: piece.score = try field.float(context)
            case 3:
                guard let kind = Kind(rawValue: try field.integer(context)) else {
                    throw TokenizerError(
                        code: .unsupported, message: "piece \(pieces.count) has an unknown type",
                        context: context)
                }
                piece.kind = kind
            default: break
            }
        }
        pieces.append(piece)
    }

    private mutating func readTrainer(_ bytes: ArraySlice<UInt8>, _ context: String) throws(TokenizerError) {
        var fields = ProtobufFields(bytes, context: context)
        while let field = try fields.next() {
            switch field.number {
            case 3:
                let number = try field.integer(context)
                guard let type = ModelType(rawValue: number) else {
                    throw TokenizerError(
                        code: .unsupported,
                        message: "the model type \(number) is not supported; expected 1 (unigram) or 2 (BPE)",
                        context: context)
                }
                self.type = type
            case 24:
                guard try field.integer(context) == 0 else {
                    throw TokenizerError(
                        code: .unsupported, message: "white space as a suffix is not supported",
                        context: context)
                }
            case 35: hasByteFallback = try field.integer(context) != 0
            case 41: bosID = Int32(exactly: Int64(bitPattern: try field.integer(context)))
            case 42: eosID = Int32(exactly: Int64(bitPattern: try field.integer(context)))
            case 43: padID = Int32(exactly: Int64(bitPattern: try field.integer(context)))
            case 45: unknownPiece = try field.text(context)
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>, _ context: String) throws(TokenizerError)
    {
        var fields = ProtobufFields(bytes, context: context)
        while let field = try fields.next() {
            switch field.number {
            case 2: characterMap = Array(try field.bytes(context))
            case 3: addsPrefix = try field.integer(context) != 0
            case 4: removesExtraSpaces = try field.integer(context) != 0
            case 5: replacesSpaces = try field.integer(context) != 0
            default: break
            }
        }
    }

    private func readDenormalizer(_ field: ProtobufFields.Field, _ context: String) throws(TokenizerError) {
        var fields = ProtobufFields(try field.bytes(context), context: context)
        while let field = try fields.next() {
            if field.number == 2, !(try field.bytes(context)).isEmpty {
                throw TokenizerError(
                    code: .unsupported, message: "a denormalizer is not supported", context: context)
            }
        }
    }

    private mutating func check(_ context: String) throws(TokenizerError) {
        func malformed(_ problem: String) -> TokenizerError {
            TokenizerError(code: .malformed, message: problem, context: context)
        }
        guard !pieces.isEmpty, pieces.count < Int32.max else {
            throw malformed("no pieces; is it a SentencePiece model?")
        }
        guard pieces.count(where: { $0.kind == .unknown }) == 1 else {
            throw malformed("\(pieces.count { $0.kind == .unknown }) unknown pieces; expected one")
        }
        guard replacesSpaces else {
            throw TokenizerError(
                code: .unsupported, message: "spaces that are not replaced are not supported",
                context: context)
        }
        for (id, piece) in pieces.enumerated() {
            guard piece.score.isFinite else { throw malformed("the score of piece \(id) is not a number") }
            guard !piece.text.isEmpty, piece.text.utf8.count <= Self.longestPieceByteCount,
                !piece.text.utf8.contains(0)
            else { throw malformed("piece \(id) has \(piece.text.utf8.count) bytes, or a zero") }
            if piece.kind == .byte, ByteToken.value(ofName: piece.text) == nil {
                throw malformed("piece \(id), \"\(piece.text.prefix(80))\", names no byte")
            }
        }
        let bytes = Set(
            pieces.lazy.filter { $0.kind == .byte }.compactMap { ByteToken.value(ofName: $0.text) })
        guard bytes.count == (hasByteFallback ? 256 : 0) else {
            throw malformed("\(bytes.count) pieces for bytes; expected \(hasByteFallback ? 256 : 0)")
        }
        if !characterMap.isEmpty { _ = try PrecompiledCharacterMap(characterMap) }
        func control(_ id: Int32?) -> Int32? {
            guard let id, pieces.indices.contains(Int(id)), pieces[Int(id)].kind == .control else {
                return nil
            }
            return id
        }
        bosID = control(bosID)
        eosID = control(eosID)
        padID = control(padID)
    }

    /// The model as libsentencepiece reads it: what was read above, and nothing else.
    var serialized: [UInt8] {
        var output = ProtobufWriter()
        for piece in pieces {
            var fields = ProtobufWriter()
            fields.add(1, bytes: Array(piece.text.utf8))
            fields.add(2, float: piece.score)
            fields.add(3, integer: piece.kind.rawValue)
            output.add(1, bytes: fields.bytes)
        }
        var trainer = ProtobufWriter()
        trainer.add(3, integer: type.rawValue)
        trainer.add(35, integer: hasByteFallback ? 1 : 0)
        trainer.add(45, bytes: Array(unknownPiece.utf8))
        output.add(2, bytes: trainer.bytes)
        var normalizer = ProtobufWriter()
        normalizer.add(2, bytes: characterMap)
        normalizer.add(3, integer: addsPrefix ? 1 : 0)
        normalizer.add(4, integer: removesExtraSpaces ? 1 : 0)
        normalizer.add(5, integer: 1)
        output.add(3, bytes: normalizer.bytes)
        return output.bytes
    }
}
