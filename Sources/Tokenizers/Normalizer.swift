/// Rewrites text before it is split.
enum Normalizer: Sendable, Equatable {
    /// Unicode's canonical composition, form C.
    case nfc

    /// Normalises valid UTF-8.
    func apply(to text: [UInt8]) -> [UInt8] {
        switch self {
        case .nfc: CanonicalComposition.shared.compose(text)
        }
    }
}
