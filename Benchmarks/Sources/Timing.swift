import Foundation

/// Wall time of repeated work.
struct Timing {
    /// Seconds of each repetition, ascending.
    let seconds: [Double]

    var median: Double { seconds[seconds.count / 2] }
    var minimum: Double { seconds[0] }
    /// The value that nine of ten do not exceed.
    var ninetieth: Double { seconds[min(seconds.count - 1, seconds.count * 9 / 10)] }

    init(seconds: [Double]) { self.seconds = seconds.sorted() }

    /// Runs `body` once without counting, then `count` times.
    init(count: Int, _ body: () throws -> Void) rethrows {
        try body()
        let clock = ContinuousClock()
        var seconds: [Double] = []
        for _ in 0..<max(count, 1) {
            seconds.append(try clock.measure(body).inSeconds)
        }
        self.init(seconds: seconds)
    }
}

extension Duration {
    /// In seconds.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// `value` with `digits` behind the point.
func decimal(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }

/// Columns of text, the first left-aligned, the others right-aligned.
func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
        rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
        row.enumerated().map { column, cell in
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            return column == 0 ? cell + padding : padding + cell
        }.joined(separator: "  ")
    }.joined(separator: "\n")
}
