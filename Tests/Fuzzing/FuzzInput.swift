/// What a reader is given: the frames of a message, one file, or the files of a directory.
public struct FuzzInput: Sendable, Equatable {
    /// One file or frame.
    public struct Part: Sendable, Equatable {
        /// Its name in a directory; frames are called by their number.
        public var name: String
        public var bytes: [UInt8]

        public init(_ name: String, _ bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    public var parts: [Part]

    public init(_ parts: [Part]) { self.parts = parts }

    /// Frames of a message.
    public init(frames: [[UInt8]]) { parts = frames.enumerated().map { Part("frame\($0)", $1) } }

    public var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// All parts in one piece, for fuzzers that know flat bytes only; ``init(flat:like:)`` takes it apart.
    public var flat: [UInt8] {
        parts.flatMap { part in
            (0..<4).map { UInt8(truncatingIfNeeded: part.bytes.count >> (8 * $0)) } + part.bytes
        }
    }

    /// Parts from one piece: each behind its length; a length beyond the end takes what is left.
    ///
    /// - Parameter names: names of the parts, in order; as many parts are made as there are names, empty ones where
    ///   the piece ends early. Without names, as many frames as there are (at most 64).
    public init(flat bytes: [UInt8], names: [String]) {
        var parts: [Part] = []
        var at = 0
        let count = names.isEmpty ? 64 : names.count
        while parts.count < count, at < bytes.count || !names.isEmpty {
            var length = 0
            for index in 0..<4 where at + index < bytes.count {
                length |= Int(bytes[at + index]) << (8 * index)
            }
            at = min(at + 4, bytes.count)
            let end = min(at + length, bytes.count)
            parts.append(
                Part(names.isEmpty ? "frame\(parts.count)" : names[parts.count], Array(bytes[at..<end])))
            at = end
        }
        self.parts = parts
    }
}
