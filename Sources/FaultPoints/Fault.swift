import Configurations
import Foundation
import Glibc
import Synchronization

/// What `SHOAL_FAULT=point:N[:action]` asks for: something bad, once, when this process passes a ``FaultPoint`` for the
/// N-th time. For tests; off unless the variable is set.
public struct Fault: Sendable, Equatable, CustomStringConvertible {
    /// What happens.
    public enum Action: Sendable, Equatable {
        /// SIGKILL: as by the kernel short of memory, or a power cut.
        case kill
        /// SIGSTOP: as a machine that is suspended or swaps; goes on with SIGCONT.
        case stop
        /// Ends at once with status 70, saying and saving nothing.
        case exit
        /// The write ahead fails.
        case fail(DiskError)

        /// The word for it in the variable.
        var word: String {
            switch self {
            case .kill: "kill"
            case .stop: "stop"
            case .exit: "exit"
            case .fail(let error): error.rawValue
            }
        }

        static let all: [Action] = [.kill, .stop, .exit] + DiskError.allCases.map { .fail($0) }

        func perform() {
            switch self {
            // raise, not kill: this thread does not get one instruction further.
            case .kill: raise(SIGKILL)
            case .stop: raise(SIGSTOP)
            case .exit: _exit(70)
            case .fail: break
            }
        }
    }

    /// What the operating system says of a disk.
    public enum DiskError: String, CaseIterable, Sendable {
        case full = "ENOSPC"
        case broken = "EIO"

        var number: Int32 {
            switch self {
            case .full: ENOSPC
            case .broken: EIO
            }
        }
    }

    /// Name of the variable.
    public static let environmentVariable = "SHOAL_FAULT"

    public let point: FaultPoint
    /// From 1.
    public let count: Int
    public let action: Action

    /// Reads `point:N` or `point:N:action`.
    ///
    /// - Throws: ``FaultError`` that names the nearest point or action.
    public init(_ text: String) throws(FaultError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), let count = Int(parts[1]), count >= 1 else {
            throw FaultError(
                "'\(text)': expected POINT:N or POINT:N:ACTION with N from 1, as in compute:3:stop")
        }
        guard let point = FaultPoint(rawValue: parts[0]) else {
            throw FaultError(unknown: "point", parts[0], of: FaultPoint.allCases.map(\.rawValue))
        }
        let word = parts.count == 3 ? parts[2] : "kill"
        guard let action = Action.all.first(where: { $0.word == word }) else {
            throw FaultError(unknown: "action", word, of: Action.all.map(\.word))
        }
        if case .fail = action, !point.writesFile {
            let points = FaultPoint.allCases.filter(\.writesFile).map(\.rawValue).joined(separator: ", ")
            throw FaultError("'\(text)': no file is written at \(point.rawValue); \(word) fits \(points)")
        }
        self.point = point
        self.count = count
        self.action = action
    }

    public var description: String { "\(point.rawValue):\(count):\(action.word)" }

    // MARK: - The fault of this process

    private static let armed = Mutex<(fault: Fault, remaining: Int)?>(nil)

    /// Arms what `environment` asks for, and nothing where it asks for nothing.
    ///
    /// - Returns: the fault.
    /// - Throws: ``FaultError``.
    @discardableResult
    public static func arm(from environment: [String: String]) throws(FaultError) -> Fault? {
        let fault: Fault? =
            if let text = environment[environmentVariable], !text.isEmpty { try Fault(text) } else { nil }
        armed.withLock { $0 = fault.map { ($0, $0.count) } }
        return fault
    }

    /// Counts one passing of `point`; the action when it is the one that counts.
    static func pass(_ point: FaultPoint) -> Action? {
        armed.withLock { armed in
            guard let (fault, remaining) = armed, fault.point == point else { return nil }
            armed = remaining > 1 ? (fault, remaining - 1) : nil
            return remaining == 1 ? fault.action : nil
        }
    }
}

/// A `SHOAL_FAULT` that says nothing this version knows.
public struct FaultError: Error, Sendable, Equatable, CustomStringConvertible {
    public let message: String

    init(_ message: String) { self.message = "\(Fault.environmentVariable): \(message)" }

    init(unknown what: String, _ name: String, of known: [String]) {
        let nearest = NearestName.nearest(to: name, in: known).map { "did you mean '\($0)'? " } ?? ""
        self.init("there is no \(what) '\(name)'; \(nearest)Known: \(known.joined(separator: ", "))")
    }

    public var description: String { message }
}
