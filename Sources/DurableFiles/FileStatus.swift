import Glibc

/// What the file system says of a file: enough to tell that it is still the same one.
public struct FileStatus: Sendable, Equatable, Codable {
    /// Length in bytes.
    public let byteCount: Int
    /// Time of the last write, in seconds since 1970.
    public let modifiedSeconds: Int
    /// The part of that time below a second.
    public let modifiedNanoseconds: Int
    public let inode: UInt64
    public let device: UInt64
    public let isDirectory: Bool

    /// The status of what `path` leads to, through symbolic links; nil when there is nothing.
    public init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        byteCount = Int(status.st_size)
        modifiedSeconds = Int(status.st_mtim.tv_sec)
        modifiedNanoseconds = Int(status.st_mtim.tv_nsec)
        inode = UInt64(status.st_ino)
        device = UInt64(status.st_dev)
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }
}
