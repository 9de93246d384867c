import Foundation
import Testing

/// The driver notices what a target does wrong: tried on one that does so on purpose.
@Suite struct FuzzDriverTests {
    @Test("a crash, a hang, memory and a broken promise are named with their seeds, and the rest goes on")
    func notices() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "shoal-fuzz-test-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = try executable()
        process.arguments = ["--count", "40", "--output", folder, "planted"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        for reason in ["ended by signal", "s of processor time", "resident memory grew", "planted failure"] {
            #expect(said.contains(reason), "\(reason): \(said)")
        }
        #expect(said.contains(#/planted +40 /#), "\(said)")
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(kept.count == said.split(separator: "\n").filter { $0.hasPrefix("FAILED") }.count)
    }

    /// Beside the test bundle.
    private func executable() throws -> URL {
        let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let url = bundle.deletingLastPathComponent().appending(path: "fuzz")
        try #require(FileManager.default.isExecutableFile(atPath: url.path), "no executable at \(url.path)")
        return url
    }
}
