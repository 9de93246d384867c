import CMessages
import CProtobufC
import Glibc

/// An allocator for protobuf-c that gives out so many bytes and no more, so that a small frame of many tiny entries
/// cannot grow without bound. protobuf-c gives up (returns NULL) when it is refused memory.
enum UnpackBudget {
    private static let allocate: @convention(c) (UnsafeMutableRawPointer?, Int) -> UnsafeMutableRawPointer? =
        {
            data, byteCount in
            guard let remaining = unsafe data?.assumingMemoryBound(to: Int.self),
                byteCount >= 0, unsafe byteCount <= remaining.pointee
            else { return nil }
            unsafe remaining.pointee -= byteCount
            return unsafe malloc(byteCount)
        }
    private static let release: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void =
        {
            _, block in unsafe free(block)
        }

    /// Runs `body` with an allocator of `byteCount` bytes, which must not outlive it.
    static func with<Result>(
        byteCount: Int,
        _ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws(WireProtocolError) -> Result
    ) throws(WireProtocolError) -> Result {
        let remaining = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        let allocator = UnsafeMutablePointer<ProtobufCAllocator>.allocate(capacity: 1)
        defer {
            unsafe allocator.deallocate()
            unsafe remaining.deallocate()
        }
        unsafe remaining.initialize(to: byteCount)
        unsafe allocator.initialize(
            to: ProtobufCAllocator(alloc: allocate, free: release, allocator_data: remaining))
        return try unsafe body(allocator)
    }
}
