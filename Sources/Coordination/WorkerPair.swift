/// Two that take part in an exchange, by id; 0 is the coordinator, in a star.
package struct WorkerPair: Hashable, Sendable {
    package let low: UInt32
    package let high: UInt32

    package init(_ first: UInt32, _ second: UInt32) {
        low = min(first, second)
        high = max(first, second)
    }

    package func contains(_ id: UInt32) -> Bool { low == id || high == id }
}
