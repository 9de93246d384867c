/// Unicode normalisation form C with the tables Hugging Face `tokenizers` has (Unicode 9), so that ids agree.
///
/// Foundation's composition follows another Unicode version and leaves a Hangul syllable and its final apart.
///
/// Source: The Unicode Standard, section 3.11 (canonical ordering and composition) and 3.12 (Hangul).
struct CanonicalComposition: Sendable {
    static let shared = CanonicalComposition()

    /// Full decompositions.
    private let decompositions: [UInt32: [UInt32]]
    /// Primary composites by first and second scalar.
    private let composites: [UInt64: UInt32]
    private let combiningClasses: [UInt32: UInt8]
    /// Scalars that may not stay as they are: a text without them is composed already.
    private let suspects: UnicodeRanges

    private enum Hangul {
        static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
        static let leading: Range<UInt32> = 0x1100..<0x1113
        static let vowels: Range<UInt32> = 0x1161..<0x1176
        // The first place stands for "no final".
        static let finals: Range<UInt32> = 0x11A8..<0x11C3
        static let finalBase: UInt32 = 0x11A7
        static let vowelCount: UInt32 = 21
        static let finalCount: UInt32 = 28
    }

    private init() {
        var steps: [UInt32: [UInt32]] = [:]
        var composites: [UInt64: UInt32] = [:]
        var suspects: [ClosedRange<UInt32>] = [
            Hangul.vowels.lowerBound...(Hangul.vowels.upperBound - 1),
            Hangul.finals.lowerBound...(Hangul.finals.upperBound - 1),
        ]
        for item in NormalizationTables.decompositions.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let isExcluded = item.hasSuffix("!")
            let numbers = item.split(whereSeparator: { $0 == "=" || $0 == "+" || $0 == "!" })
                .compactMap { UInt32($0, radix: 16) }
            guard let composite = numbers.first, numbers.count > 1 else { continue }
            steps[composite] = Array(numbers.dropFirst())
            if isExcluded || numbers.count == 2 {
                suspects.append(composite...composite)
            } else {
                composites[Self.key(numbers[1], numbers[2])] = composite
                suspects.append(numbers[2]...numbers[2])
            }
        }
        func expand(_ scalar: UInt32) -> [UInt32] { steps[scalar].map { $0.flatMap(expand) } ?? [scalar] }
        decompositions = Dictionary(uniqueKeysWithValues: steps.keys.map { ($0, expand($0)) })
        self.composites = composites

        var classes: [UInt32: UInt8] = [:]
        for item in NormalizationTables.combiningClasses.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let numbers = item.split(whereSeparator: { $0 == "-" || $0 == ":" }).compactMap {
                UInt32($0, radix: 16)
            }
            guard numbers.count == 3, numbers[0] <= numbers[1] else { continue }
            for scalar in numbers[0]...numbers[1] { classes[scalar] = UInt8(truncatingIfNeeded: numbers[2]) }
            suspects.append(numbers[0]...numbers[1])
        }
        combiningClasses = classes
        self.suspects = UnicodeRanges(suspects)
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
        UInt64(first) << 32 | UInt64(second)
    }

    /// Composes valid UTF-8.
    func compose(_ text: [UInt8]) -> [UInt8] {
        // Every scalar before U+0300 (UTF-8 CC 80) stays as it is, whatever surrounds it.
        guard text.contains(where: { $0 >= 0xCC }) else { return text }
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        guard scalars.contains(where: { $0.value >= 0x300 && suspects.contains($0) }) else { return text }
        var decomposed: [UInt32] = []
        decomposed.reserveCapacity(text.count)
        for scalar in scalars { appendDecomposition(of: scalar.value, to: &decomposed) }
        order(&decomposed)
        var result = String.UnicodeScalarView()
        for value in composed(decomposed) { if let scalar = Unicode.Scalar(value) { result.append(scalar) } }
        return Array(String(result).utf8)
    }

    /// Decomposes, and sorts marks: normalisation form D.
    func decompose(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard text.contains(where: { $0.value >= 0xC0 }) else { return text }
        var decomposed: [UInt32] = []
        decomposed.reserveCapacity(text.count)
        for scalar in text { appendDecomposition(of: scalar.value, to: &decomposed) }
        order(&decomposed)
        return decomposed.compactMap { Unicode.Scalar($0) }
    }

    private func appendDecomposition(of scalar: UInt32, to output: inout [UInt32]) {
        if scalar < 0xC0 {
            output.append(scalar)
        } else if Hangul.syllables.contains(scalar) {
            let index = scalar - Hangul.syllables.lowerBound
            output.append(Hangul.leading.lowerBound + index / (Hangul.vowelCount * Hangul.finalCount))
            output.append(
                Hangul.vowels.lowerBound + index % (Hangul.vowelCount * Hangul.finalCount) / Hangul.finalCount
            )
            if index % Hangul.finalCount != 0 { output.append(Hangul.finalBase + index % Hangul.finalCount) }
        } else if let decomposition = decompositions[scalar] {
            output += decomposition
        } else {
            output.append(scalar)
        }
    }

    private func combiningClass(_ scalar: UInt32) -> UInt8 {
        scalar < 0x300 ? 0 : combiningClasses[scalar] ?? 0
    }

    /// Sorts each run of marks by combining class; equal ones keep their order.
    private func order(_ scalars: inout [UInt32]) {
        var start = 0
        while start < scalars.count {
            guard combiningClass(scalars[start]) != 0 else {
                start += 1
                continue
            }
            var end = start + 1
            while end < scalars.count, combiningClass(scalars[end]) != 0 { end += 1 }
            if end - start > 1 {
                let run = scalars[start..<end].enumerated()
                    .map { (class: combiningClass($1), offset: $0, scalar: $1) }
                    .sorted { ($0.class, $0.offset) < ($1.class, $1.offset) }
                for (offset, mark) in run.enumerated() { scalars[start + offset] = mark.scalar }
            }
            start = end
        }
    }

    private func composed(_ scalars: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(scalars.count)
        var starter = -1
        var lastClass: UInt8 = 0
        for scalar in scalars {
            let markClass = combiningClass(scalar)
            // Blocked when a mark of the same or a higher class, or another starter, stands between.
            let isAdjacent = starter == result.count - 1
            if starter >= 0, isAdjacent || (lastClass != 0 && lastClass < markClass),
                let composite = composite(result[starter], scalar)
            {
                result[starter] = composite
                continue
            }
            if markClass == 0 { starter = result.count }
            lastClass = markClass
            result.append(scalar)
        }
        return result
    }

    private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if Hangul.leading.contains(first), Hangul.vowels.contains(second) {
            let index =
                (first - Hangul.leading.lowerBound) * Hangul.vowelCount + second - Hangul.vowels.lowerBound
            return Hangul.syllables.lowerBound + index * Hangul.finalCount
        }
        if Hangul.syllables.contains(first), Hangul.finals.contains(second),
            (first - Hangul.syllables.lowerBound) % Hangul.finalCount == 0
        {
            return first + second - Hangul.finalBase
        }
        return composites[Self.key(first, second)]
    }
}
