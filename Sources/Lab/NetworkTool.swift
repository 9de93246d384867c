import Foundation

/// Runs Debian's iproute2: `ip` and `tc`.
enum NetworkTool {
    /// Runs a tool to its end.
    ///
    /// - Returns: what it wrote to stdout.
    /// - Throws: ``LabError`` with code `.unavailable` where it is not installed, `.refused` with its own words.
    @discardableResult
    static func run(_ tool: String, _ arguments: [String]) throws(LabError) -> String {
        guard let path = path(of: tool) else {
            throw LabError(.unavailable, "\(tool) is not installed; on Debian: apt-get install iproute2")
        }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch { throw LabError(.unavailable, "\(path) does not start: \(error)") }
        // Both tools write a few lines at most, which a pipe holds: reading one after the other cannot block.
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            // What follows the first line is the tool's own usage.
            let words =
                String(decoding: complaint, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
            throw LabError(
                .refused,
                "\(tool) \(arguments.joined(separator: " ")) was refused: "
                    + (words.isEmpty ? "status \(process.terminationStatus)" : words))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Where a tool is; administrators' folders are looked into even where PATH lacks them.
    static func path(of tool: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(
            String.init)
        return (folders + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]).map { "\($0)/\(tool)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
