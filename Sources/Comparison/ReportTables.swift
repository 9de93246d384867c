import Charts
import Configurations
import Lab

/// The tables of a report: for the terminal and for the page.
struct ReportTable: Sendable {
    var header: [String]
    var rows: [[String]]

    /// What each variant costs, a variant a column.
    static func cost(_ report: ComparisonReport) -> ReportTable {
        let full = report.variants.first { $0.variant.method == .full && $0.headline != nil }?.headline
        let lying = ReportTable(
            header: [
                "", "tokens/s", "s a step", "compute", "exposed exchange", "other", "sent a worker and step",
                "received", "peak memory", "optimizer state", "checkpoint", "trained parameters",
                "energy a step", "speed over full",
            ],
            rows: report.variants.map { result in
                guard let best = result.best, let steps = result.headline?.steps else {
                    return [result.variant.name]
                }
                return [
                    result.variant.name, Figures.short(steps.tokensPerSecond),
                    Figures.short(steps.stepSeconds), Figures.seconds(steps.computeSeconds),
                    Figures.seconds(steps.exposedSeconds), Figures.seconds(steps.otherSeconds),
                    Figures.bytes(steps.bytesSentPerWorker), Figures.bytes(steps.bytesReceivedPerWorker),
                    Figures.bytes(Double(steps.peakMemoryBytes)),
                    Figures.bytes(Double(best.stored.optimizerBytes)),
                    Figures.bytes(Double(best.stored.checkpointBytes)),
                    Figures.count(best.stored.trainedParameters),
                    best.joulesPerStep.map { Figures.short($0) + " J" } ?? "not readable",
                    full.map { Figures.ratio(steps.tokensPerSecond / $0.steps.tokensPerSecond) }
                        ?? Figures.missing,
                ]
            })
        return lying.turned
    }

    /// The table with its columns as rows; a row that was cut short has dashes in place of what is
    /// missing.
    private var turned: ReportTable {
        let columns = header.indices.map { column in
            [header[column]]
                + rows.map { row in
                    row.count == header.count || column == 0 ? row[column] : Figures.missing
                }
        }
        return ReportTable(header: columns[0], rows: Array(columns.dropFirst()))
    }

    /// How good each variant is at its best learning rate, and what is left of the base.
    static func quality(_ report: ComparisonReport) -> ReportTable {
        let hasChoices = report.bases.contains { $0.heldOut.choiceAccuracy != nil }
        let hasMatches = report.bases.contains { $0.heldOut.exactMatch != nil }
        func cells(_ heldOut: [Double?], _ general: Double?) -> [String] {
            [Figures.fixed(heldOut[0], 4)]
                + (hasChoices ? [Figures.percent(heldOut[1])] : [])
                + (hasMatches ? [Figures.percent(heldOut[2])] : [])
                + [report.settings.generalText == nil ? "not measured" : Figures.fixed(general, 4)]
        }
        var rows = report.bases.map { base in
            [report.bases.count > 1 ? "base \(base.base)" : "the base, untrained", Figures.missing]
                + cells(
                    [base.heldOut.loss, base.heldOut.choiceAccuracy, base.heldOut.exactMatch],
                    base.general?.loss)
        }
        for result in report.variants {
            guard let best = result.best else { continue }
            rows.append(
                [
                    result.variant.name,
                    Figures.rate(best.learningRate) + (result.isBestAtEdge ? " (at the edge)" : ""),
                ]
                    + cells(
                        [best.heldOut.loss, best.heldOut.choiceAccuracy, best.heldOut.exactMatch],
                        best.general?.loss))
        }
        return ReportTable(
            header: ["", "best learning rate", "held-out loss"] + (hasChoices ? ["accuracy"] : [])
                + (hasMatches ? ["exact match"] : []) + ["loss on general text"],
            rows: rows)
    }

    /// Every learning rate tried.
    static func learningRates(_ report: ComparisonReport) -> ReportTable {
        ReportTable(
            header: ["", "learning rate", "held-out loss", "accuracy", "last training loss", ""],
            rows: report.variants.flatMap { result in
                result.trials.map { trial in
                    [
                        result.variant.name, Figures.rate(trial.learningRate),
                        Figures.fixed(trial.heldOut.loss, 4), Figures.percent(trial.heldOut.choiceAccuracy),
                        Figures.fixed(trial.curve.smoothedLoss.last, 4),
                        trial == result.best ? "best" : "",
                    ]
                }
            })
    }

    /// Each variant on each link.
    static func links(_ report: ComparisonReport) -> ReportTable {
        ReportTable(
            header: [
                "", "workers", "link", "s a step", "compute", "exposed exchange", "of unlimited", "computed",
                "off by", "same bits",
            ],
            rows: report.variants.flatMap { result in
                result.measurements.map { measured in
                    let steps = measured.steps
                    let free = result.measurements.first {
                        $0.link == .unlimited && $0.steps.workers == steps.workers
                    }
                    let check = report.checks.first {
                        $0.variant == result.variant.name && $0.link == measured.link
                            && $0.workers == steps.workers
                    }
                    return [
                        result.variant.name, "\(steps.workers)", measured.link.description,
                        Figures.short(steps.stepSeconds), Figures.seconds(steps.computeSeconds),
                        Figures.seconds(steps.exposedSeconds),
                        Figures.percent(free.map { $0.steps.stepSeconds / steps.stepSeconds }),
                        check.map { Figures.seconds($0.computedSeconds) } ?? Figures.missing,
                        check.map { ($0.difference > 0 ? "+" : "") + Figures.percent($0.difference) }
                            ?? Figures.missing,
                        measured.hasSameGradients ? "yes" : "no",
                    ]
                }
            })
    }

    /// Tokens a second on clusters that were not measured.
    static func computed(_ report: ComparisonReport) -> ReportTable {
        let counts = StepArithmetic.workerCounts
        let variants = report.variants.map(\.variant.name)
        return ReportTable(
            header: ["", "link"] + counts.map { $0 == 1 ? "1 worker" : "\($0)" },
            rows: variants.flatMap { name in
                StepArithmetic.links.compactMap { link -> [String]? in
                    let steps = report.computed.filter {
                        $0.variant == name && $0.link.description == link
                    }
                    guard !steps.isEmpty else { return nil }
                    return [name, link] + steps.map { Figures.short($0.tokensPerSecond) }
                }
            })
    }
}

extension ComparisonReport {
    /// What a terminal shows: cost, quality and, where there are links, those.
    public var text: String {
        var sections = [
            Self.aligned(ReportTable.cost(self)), Self.aligned(ReportTable.quality(self)),
        ]
        if variants.contains(where: { !$0.measurements.isEmpty }) {
            sections.append(Self.aligned(ReportTable.links(self)))
        }
        return sections.joined(separator: "\n")
    }

    private static func aligned(_ table: ReportTable) -> String {
        let rows = [table.header] + table.rows
        let widths = table.header.indices.map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
                return column == 0 ? cell + padding : padding + cell
            }
            return cells.joined(separator: "  ").replacing(/\s+$/, with: "") + "\n"
        }.joined()
    }
}
