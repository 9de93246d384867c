import Glibc

/// Misbehaves on purpose, so that a test can see that the driver notices: never part of a run of all targets.
public final class PlantedTarget: FuzzTarget {
    public static let name = "planted"
    public let corpus = [FuzzInput([.init("planted", [9])])]
    private var hoard: [[UInt8]] = []

    public init(_ workspace: FuzzWorkspace) throws {}

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        input.parts[0].bytes = [UInt8(mutator.random.below(40))]
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        switch input.parts[0].bytes[0] {
        case 0: preconditionFailure("planted crash")
        case 1:
            // A loop without a system call could be optimised away.
            while getpid() > 0 {}
            return true
        case 2:
            hoard.append([UInt8](repeating: 1, count: 600 << 20))
            return true
        case 3: throw FuzzFailure("planted failure")
        case let byte: return byte % 2 == 0
        }
    }
}
