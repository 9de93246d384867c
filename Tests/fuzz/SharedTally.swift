import Foundation
import Glibc

/// What a child counts, in a file both processes map: it outlives the child's crash.
@safe final class SharedTally {
    enum Field: Int {
        /// The seed under way, plus one; 0 between inputs.
        case current
        /// Since when, in nanoseconds of the monotonic clock.
        case began
        case executions, accepted, refused
        case slowestNanoseconds, slowestSeed
        case startKilobytes, peakKilobytes
        /// 1 once all seeds are done.
        case isDone
    }

    private static let byteCount = 4096
    private static let textOffset = 1024
    let path: String
    private let start: UnsafeMutableRawPointer

    /// Maps `path`; a new file has zeros.
    init(path: String) throws {
        self.path = path
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(Self.byteCount)) == 0 else {
            throw Failure(path: path)
        }
        defer { close(descriptor) }
        guard
            let mapped = unsafe mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            Int(bitPattern: mapped) != -1
        else { throw Failure(path: path) }
        unsafe start = mapped
    }

    deinit { unsafe munmap(start, Self.byteCount) }

    struct Failure: Error { let path: String }

    subscript(field: Field) -> UInt64 {
        get { unsafe start.load(fromByteOffset: field.rawValue * 8, as: UInt64.self) }
        set { unsafe start.storeBytes(of: newValue, toByteOffset: field.rawValue * 8, as: UInt64.self) }
    }

    /// Why the child gave up.
    var text: String {
        get { unsafe String(cString: (start + Self.textOffset).assumingMemoryBound(to: CChar.self)) }
        set {
            let bytes = Array(newValue.utf8.prefix(Self.byteCount - Self.textOffset - 1)) + [0]
            for (index, byte) in bytes.enumerated() {
                unsafe start.storeBytes(of: byte, toByteOffset: Self.textOffset + index, as: UInt8.self)
            }
        }
    }

    /// The largest resident set so far, in KiB.
    static func peakKilobytes() -> UInt64 {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return UInt64(usage.ru_maxrss)
    }

    /// Nanoseconds of a clock.
    static func now(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
