import Foundation

/// A chart of lines or points as SVG that stands on its own: colours come from the page's style, names stand at the
/// lines and, for a reader that speaks, in titles.
public struct LineChart: Sendable {
    /// A line, or points where ``isScatter``.
    public struct Series: Sendable {
        public var name: String
        /// Of the page's palette, from 0.
        public var color: Int
        public var points: [(x: Double, y: Double)]

        public init(name: String, color: Int, points: [(x: Double, y: Double)]) {
            self.name = name
            self.color = color
            self.points = points
        }
    }

    /// How an axis runs.
    public struct Axis: Sendable {
        public var title: String
        public var isLogarithmic: Bool
        /// How a tick is written.
        public var format: @Sendable (Double) -> String

        public init(
            title: String, isLogarithmic: Bool = false,
            format: @escaping @Sendable (Double) -> String = { Figures.tick($0) }
        ) {
            self.title = title
            self.isLogarithmic = isLogarithmic
            self.format = format
        }
    }

    public var title: String
    public var x: Axis
    public var y: Axis
    public var series: [Series]
    /// Points instead of lines.
    public var isScatter: Bool

    public init(title: String, x: Axis, y: Axis, series: [Series], isScatter: Bool = false) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
        self.isScatter = isScatter
    }

    private static let (width, height) = (560.0, 340.0)
    private static let (left, right, top, bottom) = (76.0, 118.0, 16.0, 46.0)
    private static let dashes = ["", "7 4", "2 4", "9 3 2 3", "5 2 1 2 1 2"]

    /// The SVG; nil where there is nothing to draw.
    public var svg: String? {
        let drawn = series.map { one in
            var one = one
            one.points = one.points.filter { point in
                point.x.isFinite && point.y.isFinite && (!x.isLogarithmic || point.x > 0)
                    && (!y.isLogarithmic || point.y > 0)
            }
            return one
        }.filter { !$0.points.isEmpty }
        guard !drawn.isEmpty else { return nil }
        let xScale = Scale(
            drawn.flatMap { $0.points.map(\.x) }, isLogarithmic: x.isLogarithmic, startsAtZero: !isScatter)
        let yScale = Scale(
            drawn.flatMap { $0.points.map(\.y) }, isLogarithmic: y.isLogarithmic, startsAtZero: false)
        let plotWidth = Self.width - Self.left - Self.right
        let plotHeight = Self.height - Self.top - Self.bottom
        func px(_ value: Double) -> Double { Self.left + plotWidth * xScale.share(of: value) }
        func py(_ value: Double) -> Double { Self.top + plotHeight * (1 - yScale.share(of: value)) }
        var parts: [String] = []
        for tick in yScale.ticks {
            let place = Self.number(py(tick))
            parts.append(
                "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.left + plotWidth)\" y1=\"\(place)\" y2=\"\(place)\"/>"
                    + "<text class=\"tick\" text-anchor=\"end\" x=\"\(Self.left - 8)\" y=\"\(Self.number(py(tick) + 4))\">\(Self.escaped(y.format(tick)))</text>"
            )
        }
        for tick in xScale.ticks {
            let place = Self.number(px(tick))
            parts.append(
                "<line class=\"mark\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(Self.top + plotHeight)\" y2=\"\(Self.top + plotHeight + 5)\"/>"
                    + "<text class=\"tick\" text-anchor=\"middle\" x=\"\(place)\" y=\"\(Self.top + plotHeight + 20)\">\(Self.escaped(x.format(tick)))</text>"
            )
        }
        parts.append(
            "<line class=\"axis\" x1=\"\(Self.left)\" x2=\"\(Self.left + plotWidth)\" y1=\"\(Self.top + plotHeight)\" y2=\"\(Self.top + plotHeight)\"/>"
        )
        parts.append(
            "<text class=\"label\" text-anchor=\"middle\" x=\"\(Self.left + plotWidth / 2)\" y=\"\(Self.height - 6)\">\(Self.escaped(x.title))</text>"
        )
        parts.append(
            "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 \(Self.top + plotHeight / 2)) rotate(-90)\">\(Self.escaped(y.title))</text>"
        )
        for (position, one) in drawn.enumerated() {
            let color = "s\(one.color % 8)"
            let name = Self.escaped(one.name)
            if isScatter || one.points.count == 1 {
                for point in one.points {
                    parts.append(
                        "<circle class=\"\(color) point\" cx=\"\(Self.number(px(point.x)))\" cy=\"\(Self.number(py(point.y)))\" r=\"5\"><title>\(name): \(Self.escaped(x.format(point.x))), \(Self.escaped(y.format(point.y)))</title></circle>"
                    )
                }
            } else {
                let path = one.points.map { "\(Self.number(px($0.x))),\(Self.number(py($0.y)))" }
                    .joined(separator: " ")
                let dash = Self.dashes[position % Self.dashes.count]
                parts.append(
                    "<polyline class=\"\(color) line\"\(dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"") points=\"\(path)\"><title>\(name)</title></polyline>"
                )
            }
        }
        parts += labels(drawn, px: px, py: py)
        return
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"\(Self.escaped(title))\">"
            + parts.joined(separator: "\n") + "</svg>"
    }

    /// Names beside the lines' ends, moved apart where they would cover each other.
    private func labels(_ drawn: [Series], px: (Double) -> Double, py: (Double) -> Double) -> [String] {
        let ends = drawn.compactMap { one -> (series: Series, x: Double, y: Double)? in
            guard let last = one.points.last else { return nil }
            return (one, px(last.x), py(last.y))
        }.sorted { $0.y < $1.y }
        let spacing = 14.0
        var places: [Double] = []
        for end in ends { places.append(max(end.y + 4, (places.last ?? -.infinity) + spacing)) }
        // Those at the bottom stay above the axis, and move the others up.
        var limit = Self.height - Self.bottom - 4
        for index in places.indices.reversed() {
            places[index] = min(places[index], limit)
            limit = places[index] - spacing
        }
        return zip(ends, places).map { end, y in
            "<text class=\"s\(end.series.color % 8) name\" x=\"\(Self.number(end.x + 9))\" y=\"\(Self.number(y))\">\(Self.escaped(end.series.name))</text>"
        }
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    /// Text that may stand in markup.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}

/// Where values lie on an axis, and which of them are written.
private struct Scale {
    let low: Double
    let high: Double
    let isLogarithmic: Bool
    let ticks: [Double]

    init(_ values: [Double], isLogarithmic: Bool, startsAtZero: Bool) {
        self.isLogarithmic = isLogarithmic
        var low = values.min() ?? 0
        var high = values.max() ?? 1
        if isLogarithmic {
            low = log10(low)
            high = log10(high)
            if high - low < 0.3 {
                low -= 0.15
                high += 0.15
            }
            let powers = (Int(low.rounded(.down))...Int(high.rounded(.up))).map(Double.init)
            let span = high - low
            let factors = span < 1.2 ? [1.0, 2, 5] : span < 2.5 ? [1.0, 3] : [1.0]
            ticks = powers.flatMap { power in factors.map { $0 * pow(10, power) } }.filter {
                log10($0) >= low - 1e-9 && log10($0) <= high + 1e-9
            }
        } else {
            if startsAtZero { low = min(low, 0) }
            if high <= low { high = low + max(abs(low) * 0.1, 1e-9) }
            let step = Self.step(for: (high - low) / 5)
            if !startsAtZero { low = (low / step).rounded(.down) * step }
            high = (high / step).rounded(.up) * step
            let count = Int(((high - low) / step).rounded())
            let first = (low / step).rounded(.up)
            ticks = (0...max(1, count)).map { (first + Double($0)) * step }.filter { $0 <= high + step / 1e6 }
        }
        self.low = low
        self.high = high
    }

    func share(of value: Double) -> Double {
        ((isLogarithmic ? log10(value) : value) - low) / max(high - low, .leastNormalMagnitude)
    }

    /// The nearest 1, 2 or 5 times a power of ten that is no smaller.
    private static func step(for rough: Double) -> Double {
        let power = pow(10, log10(rough).rounded(.down))
        return ([1.0, 2, 5, 10].first { $0 * power >= rough * 0.999 } ?? 10) * power
    }
}
