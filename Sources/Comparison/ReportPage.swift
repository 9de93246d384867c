import Charts
import Configurations
import Foundation
import Lab
import Mustache

/// `report.html`: one file that opens from the disk, asks no network, and can be printed.
public enum ReportPage {
    /// - Throws: when the page's own template cannot be read, which its tests rule out.
    public static func html(_ report: ComparisonReport) throws -> String {
        let library = MustacheLibrary(templates: ["table": try MustacheTemplate(string: table)])
        return try MustacheTemplate(string: template).render(values(report), library: library)
    }

    /// The last part of a path.
    private static func fileName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func values(_ report: ComparisonReport) -> [String: Any] {
        let colors = Dictionary(
            report.variants.enumerated().map { ($1.variant.name, $0) },
            uniquingKeysWith: { first, _ in first })
        var values: [String: Any] = [
            "title": title(report), "date": report.date, "shoal": report.shoal,
            // The page is shown around: names, not where they lie on one machine. report.json has the paths.
            "base": fileName(report.subject.base),
            "train": report.subject.train.map(fileName).joined(separator: ", "),
            "steps": Figures.count(report.subject.steps), "batch": Figures.count(report.subject.batchSize),
            "summary": summary(report), "how": how(report),
            "cost": cells(ReportTable.cost(report)), "quality": cells(ReportTable.quality(report)),
            "rates": cells(ReportTable.learningRates(report)),
            "computed": cells(ReportTable.computed(report)),
            "style": PageStyle.css, "curves": lossCharts(report, colors).compactMap(figure),
            "tradeoffs": qualityCharts(report, colors).compactMap(figure),
            "scaling": scalingCharts(report, colors).compactMap(figure),
            "failures": report.variants.compactMap { result in
                result.failure.map { ["name": result.variant.name, "reason": $0] }
            },
        ]
        let links = ReportTable.links(report)
        if !links.rows.isEmpty { values["links"] = cells(links) }
        values["hasFailures"] = report.variants.contains { $0.failure != nil }
        values["hasEdge"] = report.variants.contains(where: \.isBestAtEdge)
        return values
    }

    private static func cells(_ table: ReportTable) -> [String: Any] {
        [
            "head": table.header,
            "rows": table.rows.map {
                ["name": $0.first ?? "", "cells": Array($0.dropFirst())] as [String: Any]
            },
        ]
    }

    private static func figure(_ chart: LineChart) -> [String: Any]? {
        chart.svg.map { ["title": chart.title, "svg": $0] }
    }

    private static func title(_ report: ComparisonReport) -> String {
        report.variants.map(\.variant.name).formatted(.list(type: .and).locale(Locale(identifier: "en")))
    }

    /// The findings in sentences, each beside full fine-tuning, else beside the first variant.
    private static func summary(_ report: ComparisonReport) -> [String] {
        let measured = report.variants.filter { $0.best != nil }
        guard let reference = measured.first(where: { $0.variant.method == .full }) ?? measured.first,
            let other = reference.best, let otherSteps = reference.headline?.steps
        else { return ["Nothing was measured."] }
        return measured.filter { $0 != reference }.compactMap { result in
            guard let best = result.best, let steps = result.headline?.steps else { return nil }
            let share = Double(best.stored.trainedParameters) / Double(max(1, other.stored.trainedParameters))
            return
                "\(result.variant.name) trains \(Figures.short(100 * share)) % of the parameters that "
                + "\(reference.variant.name) trains, at "
                + "\(Figures.ratio(steps.tokensPerSecond / otherSteps.tokensPerSecond)) its tokens a second; a worker sends "
                + "\(Figures.bytes(steps.bytesSentPerWorker)) a step instead of "
                + "\(Figures.bytes(otherSteps.bytesSentPerWorker)). Held-out loss: "
                + "\(Figures.fixed(best.heldOut.loss, 4)) and \(Figures.fixed(other.heldOut.loss, 4))"
                + (best.heldOut.choiceAccuracy.map {
                    "; accuracy: \(Figures.percent($0)) and \(Figures.percent(other.heldOut.choiceAccuracy))"
                } ?? "") + "."
        }
    }

    private static func how(_ report: ComparisonReport) -> [String] {
        let settings = report.settings
        let machine = report.machine
        let workers = settings.workerCounts.map(String.init).joined(separator: " and ")
        let threads = settings.threadCount
        var lines = [
            "Each variant was trained for \(report.subject.steps) steps of \(report.subject.batchSize) examples from the "
                + "same base, in turn, at each of its learning rates; the one with the lowest loss on held-out rows counts.",
            "All processes ran on one machine: \(machine.processor), \(machine.processors) "
                + "processor\(machine.processors == 1 ? "" : "s"), \(Figures.bytes(Double(machine.memoryBytes))) of memory; "
                + "\(workers) workers with \(threads) thread\(threads == 1 ? "" : "s") each, and the coordinator.",
        ]
        let most = (settings.workerCounts.max() ?? 1) * threads
        if most > machine.processors {
            lines.append(
                "The processors were shared: up to \(most) compute threads on \(machine.processors). Compute, encryption "
                    + "and the optimizer take longer than on machines of their own; what the links take does not."
            )
        }
        if !settings.links.isEmpty {
            lines.append(
                "Links were limited for real: every worker and the coordinator in a network namespace of its own, "
                    + "behind a bridge, tc's token bucket on both ends, TCP with CURVE. \(settings.measuredSteps) steps were "
                    + "measured on each, at the best learning rate. Loss against time and bytes is that of the whole run, "
                    + "each step at the median measured on the slowest link.")
        }
        lines.append(
            "Times are medians over the steps after the first two. Computed figures take the measured times of one "
                + "micro-batch, of the optimizer and of a byte's way through encryption and sum, and what the wire takes for "
                + "2·(n−1)/n of the gradient each way (94 % of an Ethernet link carries data); they are for machines like "
                + "this one that do nothing else.")
        return lines
    }

    private static func lossCharts(_ report: ComparisonReport, _ colors: [String: Int]) -> [LineChart] {
        func series(_ x: (LossCurve) -> [Double]) -> [LineChart.Series] {
            report.variants.compactMap { result in
                result.curve.map { curve in
                    LineChart.Series(
                        name: result.variant.name, color: colors[result.variant.name] ?? 0,
                        points: zip(x(curve), curve.smoothedLoss).map { ($0, $1) })
                }
            }
        }
        // At the end all are small, and it is there that they differ.
        let loss = LineChart.Axis(title: "training loss, logarithmic", isLogarithmic: true)
        return [
            LineChart(
                title: "Loss against steps",
                x: .init(title: "steps"), y: loss, series: series { $0.loss.indices.map { Double($0 + 1) } }),
            LineChart(
                title: "Loss against wall time", x: .init(title: "seconds"), y: loss,
                series: series(\.seconds)),
            LineChart(
                title: "Loss against bytes sent by all workers",
                x: .init(title: "bytes, logarithmic", isLogarithmic: true) { Figures.bytes($0) }, y: loss,
                series: series(\.bytesSent)),
        ]
    }

    private static func qualityCharts(_ report: ComparisonReport, _ colors: [String: Int]) -> [LineChart] {
        let measured = report.variants.filter { $0.best != nil && $0.headline != nil }
        func series(_ x: (VariantResult) -> Double, _ y: (VariantResult) -> Double) -> [LineChart.Series] {
            measured.map {
                LineChart.Series(
                    name: $0.variant.name, color: colors[$0.variant.name] ?? 0, points: [(x($0), y($0))])
            }
        }
        let parameters = LineChart.Axis(title: "trained parameters, logarithmic", isLogarithmic: true) {
            $0 >= 1e6 ? Figures.short($0 / 1e6) + " M" : Figures.short($0)
        }
        var charts = [
            LineChart(
                title: "Held-out loss against trained parameters", x: parameters,
                y: .init(title: "held-out loss") { Figures.fixed($0, 3) },
                series: series(
                    { Double($0.best?.stored.trainedParameters ?? 0) }, { $0.best?.heldOut.loss ?? .nan }),
                isScatter: true),
            LineChart(
                title: "Held-out loss against the time of a step",
                x: .init(title: "seconds a step"), y: .init(title: "held-out loss") { Figures.fixed($0, 3) },
                series: series({ $0.headline?.steps.stepSeconds ?? 0 }, { $0.best?.heldOut.loss ?? .nan }),
                isScatter: true),
        ]
        if measured.contains(where: { $0.best?.heldOut.choiceAccuracy != nil }) {
            charts.append(
                LineChart(
                    title: "Accuracy against trained parameters", x: parameters,
                    y: .init(title: "held-out accuracy") { Figures.percent($0) },
                    series: series(
                        { Double($0.best?.stored.trainedParameters ?? 0) },
                        { $0.best?.heldOut.choiceAccuracy ?? .nan }), isScatter: true))
        }
        return charts
    }

    private static func scalingCharts(_ report: ComparisonReport, _ colors: [String: Int]) -> [LineChart] {
        StepArithmetic.links.map { link in
            LineChart(
                title: "Computed: tokens a second on links of \(link)",
                x: .init(title: "workers, each on a machine of its own, logarithmic", isLogarithmic: true) {
                    Figures.fixed($0, 0)
                }, y: .init(title: "tokens/s, logarithmic", isLogarithmic: true),
                series: report.variants.map { result in
                    LineChart.Series(
                        name: result.variant.name, color: colors[result.variant.name] ?? 0,
                        points: report.computed.filter {
                            $0.variant == result.variant.name && $0.link.description == link
                        }.map { (Double($0.workers), $0.tokensPerSecond) })
                })
        }
    }
}
