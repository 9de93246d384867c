import Foundation
import Testing

@Suite struct CompareTests {
    /// A configuration with held-out rows.
    private static func configuration(in scratch: Scratch, steps: Int = 6) throws -> String {
        let path = try TinyRun(maxSteps: steps).write(to: scratch)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return try scratch.write(
            text.replacingOccurrences(of: "data:\n", with: "data:\n  valid_fraction: 0.2\n"),
            to: "compare.yaml")
    }

    /// As much of `report.json` as the tests look at.
    private struct Report: Decodable {
        struct Quality: Decodable {
            var loss: Double
        }
        struct Steps: Decodable {
            var workers: Int
            var stepSeconds: Double
        }
        struct Stored: Decodable {
            var trainedParameters: Int
        }
        struct Trial: Decodable {
            var learningRate: Double
            var heldOut: Quality
            var steps: Steps
            var stored: Stored
        }
        struct Name: Decodable {
            var name: String
        }
        struct Measurement: Decodable {
            var link: String
            var steps: Steps
            var hasSameGradients: Bool
        }
        struct Variant: Decodable {
            var variant: Name
            var failure: String?
            var trials: [Trial]
            var measurements: [Measurement]
        }
        var variants: [Variant]

        init(_ folder: String, in scratch: Scratch) throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(
                Report.self, from: Data(contentsOf: URL(filePath: scratch.path(folder + "/report.json"))))
        }
    }

    @Test("ranks are compared at the best of their learning rates, and a second command finds all done")
    func ranks() throws {
        let scratch = try Scratch()
        let arguments = [
            "compare", try Self.configuration(in: scratch), "--methods", "lora", "--vary", "adapter.r=2,4",
            "--learning-rates", "1e-3,1e-2", "--workers", "2", "--threads", "1", "--output", "out",
        ]
        let outcome = try Shoal.run(arguments, in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let report = try Report("out", in: scratch)
        #expect(report.variants.map(\.variant.name) == ["lora r=2", "lora r=4"])
        for variant in report.variants {
            #expect(variant.trials.map(\.learningRate) == [1e-3, 1e-2])
            #expect(variant.trials.allSatisfy { $0.steps.workers == 2 && $0.heldOut.loss.isFinite })
        }
        #expect(
            report.variants[1].trials[0].stored.trainedParameters
                == 2 * report.variants[0].trials[0].stored.trainedParameters)
        #expect(outcome.output.contains("tokens/s") && outcome.output.contains("out/report.html"))
        let again = try Shoal.run(arguments, in: scratch)
        #expect(again.status == 64 && again.errors.contains("--resume"), "\(again)")
        let before = try Data(contentsOf: URL(filePath: scratch.path("out/variants/lora-r=2/lr-0.01.json")))
        let resumed = try Shoal.run(["compare", "--resume", "out"], in: scratch)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(!resumed.errors.contains("learning rate"), "\(resumed.errors)")
        let after = try Data(contentsOf: URL(filePath: scratch.path("out/variants/lora-r=2/lr-0.01.json")))
        #expect(after == before)
    }

    @Test("where no rates are given, a best one at the edge is followed")
    func followsTheEdge() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(
            [
                "compare", try Self.configuration(in: scratch, steps: 2), "--methods", "lora", "--threads",
                "1",
                "--set", "training.learning_rate=1e-5", "--output", "out",
            ], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let trials = try Report("out", in: scratch).variants[0].trials
        #expect(trials.map(\.learningRate).prefix(4) == [3.3e-6, 1e-5, 3e-5, 9e-5])
        let best = trials.min { $0.heldOut.loss < $1.heldOut.loss }
        #expect(trials.count == 6 || best?.learningRate != trials.map(\.learningRate).max())
    }

    @Test("interrupted in the middle of a run it goes on where it was")
    func interrupted() throws {
        let scratch = try Scratch()
        let config = try Self.configuration(in: scratch, steps: 400)
        let process = try Shoal.start(
            [
                "compare", config, "--methods", "lora", "--learning-rates", "1e-3", "--threads", "1",
                "--output", "out",
            ], in: scratch)
        let run = RunFolder(
            at: scratch.folder.appendingPathComponent("out/variants/lora/lr-0.001"), in: scratch)
        #expect(try Shoal.eventually(within: 60) { try run.metrics().count > 20 })
        process.send(SIGTERM)
        let outcome = try process.wait()
        #expect(outcome.status == 75 && outcome.errors.contains("--resume"), "\(outcome)")
        let done = try run.metrics().count
        #expect(done > 20 && done < 400)
        let resumed = try Shoal.run(["compare", "--resume", "out"], in: scratch)
        #expect(resumed.status == 0, "\(resumed)")
        let steps = try run.metrics()
        #expect(steps.map(\.step) == Array(1...400))
        #expect(try Report("out", in: scratch).variants[0].trials.count == 1)
    }

    @Test("a variant that cannot be trained is named, and the others go on")
    func failureOfOne() throws {
        let scratch = try Scratch()
        let config = try Self.configuration(in: scratch)
        let outcome = try Shoal.run(
            [
                "compare", config, "--methods", "lora", "--vary", "adapter.target_modules=[no_such],[q_proj]",
                "--learning-rates", "1e-3", "--threads", "1", "--output", "out",
            ], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let report = try Report("out", in: scratch)
        #expect(report.variants[0].failure?.contains("no_such") == true, "\(report)")
        #expect(report.variants[1].failure == nil)
        let page = try String(contentsOfFile: scratch.path("out/report.html"), encoding: .utf8)
        #expect(page.contains("no_such"))
    }

    @Test("what cannot be compared is said before anything is trained")
    func refusals() throws {
        let scratch = try Scratch()
        let withoutRows = try TinyRun().write(to: scratch)
        let cases: [([String], Int32, String)] = [
            ([withoutRows], 65, "valid_fraction"),
            ([try Self.configuration(in: scratch), "--methods", "dora"], 64, "dora"),
            ([try Self.configuration(in: scratch), "--vary", "adapter.rank=4,8"], 65, "rank"),
            ([try Self.configuration(in: scratch), "--link", "fast"], 64, "fast"),
            ([try Self.configuration(in: scratch), "--workers", "2,4"], 64, "--link"),
            ([try Self.configuration(in: scratch), "--general", "no.jsonl"], 65, "no.jsonl"),
        ]
        for (arguments, status, words) in cases {
            let outcome = try Shoal.run(["compare"] + arguments + ["--output", "out"], in: scratch)
            #expect(outcome.status == status && outcome.errors.contains(words), "\(arguments): \(outcome)")
            #expect(!FileManager.default.fileExists(atPath: scratch.path("out")))
        }
    }

    @Test(
        "links are measured in a lab, with the same bits",
        .enabled(if: NetworkNamespaces.areAllowed, "a lab needs root and iproute2"))
    func links() throws {
        let scratch = try Scratch()
        let outcome = try Shoal.run(
            [
                "compare", try Self.configuration(in: scratch), "--methods", "lora", "--learning-rates",
                "1e-3",
                "--threads", "1", "--workers", "1,2", "--link", "50mbit", "--measured-steps", "4", "--output",
                "out",
            ], in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let measurements = try Report("out", in: scratch).variants[0].measurements
        #expect(
            measurements.map { "\($0.steps.workers) \($0.link)" } == [
                "1 unlimited", "1 50mbit", "2 unlimited", "2 50mbit",
            ])
        #expect(measurements.allSatisfy { $0.hasSameGradients })
        #expect(outcome.output.contains("50mbit"))
    }

    @Test(
        "a rate that tc refuses and a user who is not root are named",
        .enabled(if: NetworkNamespaces.areAllowed, "a lab needs root and iproute2"))
    func refusedLinks() throws {
        let scratch = try Scratch()
        let config = try Self.configuration(in: scratch)
        let refused = try Shoal.run(
            [
                "compare", config, "--methods", "lora", "--learning-rates", "1e-3", "--threads", "1",
                "--link",
                "0.001bit", "--output", "out",
            ], in: scratch)
        #expect(refused.status == 69 && refused.errors.contains("tbf"), "\(refused)")
    }
}
