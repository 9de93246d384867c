/// How many reduced gradients a newcomer keeps while the state they belong to is on its way.
enum FollowedSteps {
    private static let longest = 8
    private static let shortest = 2
    private static let byteCount = 256 << 20

    /// Steps that may go on before the others wait; a function of the gradient's size, so that memory is bounded.
    static func limit(parameterCount: Int) -> UInt64 {
        UInt64(min(max(byteCount / (4 * max(parameterCount, 1)), shortest), longest))
    }
}
