import Foundation
import Glibc

/// The fixtures, the corpus in git, and a folder in memory for the files that readers open.
public final class FuzzWorkspace {
    /// `Tests/Fixtures`
    public let fixtures: String
    /// `Tests/Fuzzing/Corpus`
    public let corpus: String
    /// A folder of this process in `/dev/shm`, removed with the workspace.
    public let folder: String

    public init() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        fixtures = tests + "/Fixtures"
        corpus = tests + "/Fuzzing/Corpus"
        let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = memory + "/shoal-fuzz-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The bytes of a fixture.
    public func fixture(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: fixtures + "/" + name)))
    }

    /// Inputs in git for a target: a file is an input of one part, a folder one of several.
    public func stored(_ target: String) throws -> [FuzzInput] {
        let files = FileManager.default
        let directory = corpus + "/" + target
        guard files.fileExists(atPath: directory) else { return [] }
        return try files.contentsOfDirectory(atPath: directory).sorted().map { name in
            let path = directory + "/" + name
            var isFolder: ObjCBool = false
            guard unsafe files.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
                return FuzzInput([.init(name, Array(try Data(contentsOf: URL(filePath: path))))])
            }
            return FuzzInput(
                try files.contentsOfDirectory(atPath: path).sorted().map {
                    .init($0, Array(try Data(contentsOf: URL(filePath: path + "/" + $0))))
                })
        }
    }

    /// Writes a file into the folder and returns its path.
    public func write(_ name: String, _ bytes: [UInt8]) throws(FuzzFailure) -> String {
        let path = folder + "/" + name
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FuzzFailure("cannot open \(path): error \(errno)") }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { throw FuzzFailure("cannot write \(path): error \(errno)") }
            written += count
        }
        return path
    }
}
