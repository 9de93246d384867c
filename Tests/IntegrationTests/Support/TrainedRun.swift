import Foundation
import Testing

/// A finished run of 30 steps that a test may change.
struct TrainedRun {
    let scratch: Scratch
    /// RUN
    let path: String
    /// The rows it was trained on.
    let rows: String

    init(method: String = "lora") throws {
        scratch = try Scratch()
        path = scratch.path("run")
        rows = scratch.path("train.jsonl")
        let config = try TinyRun(maxSteps: 30, checkpointEvery: 10, method: method).write(to: scratch)
        let outcome = try Shoal.run(
            ["train", config, "--workers", "2", "--threads", "1", "--output", path], in: scratch,
            name: "train")
        try #require(outcome.status == 0, "\(outcome)")
    }

    /// Changes a file of the run by a text replacement that has to hit.
    func change(_ name: String, _ text: String, to other: String) throws {
        let file = path + "/" + name
        let before = try String(contentsOfFile: file, encoding: .utf8)
        let after = before.replacingOccurrences(of: text, with: other)
        try #require(before != after, "\(name) has no '\(text)'")
        try after.write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// Flips the last bit of a file of the run.
    func flipLastBit(of name: String) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        var bytes = try Data(contentsOf: url)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: url)
    }

    func lines(of name: String) throws -> [String] {
        try String(contentsOfFile: path + "/" + name, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    func write(lines: [String], to name: String) throws {
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: path + "/" + name, atomically: true, encoding: .utf8)
    }

    /// Replaces a line of the ledger and makes the chain whole again, as a forger would.
    func forgeLedger(line index: Int, _ text: String, to other: String) throws {
        var lines = try lines(of: "ledger.jsonl")
        let forged = lines[index].replacingOccurrences(of: text, with: other)
        try #require(forged != lines[index], "line \(index + 1) has no '\(text)': \(lines[index])")
        lines[index] = forged
        for next in lines.indices where next > index {
            let digest = try sha256(of: lines[next - 1])
            let start = try #require(lines[next].range(of: #""previous":""#)).upperBound
            lines[next].replaceSubrange(start..<lines[next].index(start, offsetBy: 64), with: digest)
        }
        try write(lines: lines, to: "ledger.jsonl")
    }

    /// By coreutils, so that the test does not trust the code under test.
    private func sha256(of text: String) throws -> String {
        let file = try scratch.write(text, to: "line")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        process.arguments = [file]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        process.waitUntilExit()
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).prefix(64)
            .description
    }
}
