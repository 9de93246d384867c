import Charts
import Testing

@Suite struct FiguresTests {
    @Test("numbers are written as people read them")
    func numbers() {
        #expect(Figures.short(1234.5) == "1,234" || Figures.short(1234.5) == "1,235")
        #expect(Figures.short(0.012345) == "0.0123")
        #expect(Figures.short(0) == "0")
        #expect(Figures.tick(5) == "5" && Figures.tick(0.5) == "0.5" && Figures.tick(2000) == "2,000")
        #expect(Figures.bytes(98_362_432) == "98.4 MB" && Figures.bytes(512) == "512 B")
        #expect(Figures.bytes(nil) == Figures.missing)
        #expect(Figures.percent(0.886) == "88.6 %")
        #expect(Figures.rate(3e-4) == "3e-4" && Figures.rate(1e-5) == "1e-5" && Figures.rate(0.03) == "0.03")
        #expect(Figures.rate(6.7e-5) == "6.7e-5")
        #expect(Figures.count(2_442_240) == "2,442,240")
        #expect(Figures.fixed(.nan, 2) == "not finite" && Figures.fixed(-1234.5, 1) == "−1,234.5")
        #expect(Figures.duration(59) == "59 s" && Figures.duration(185) == "3:05")
        #expect(Figures.duration(3723) == "1:02:03")
    }
}

@Suite struct LineChartTests {
    private func chart(_ points: [(Double, Double)], logarithmic: Bool = false, scatter: Bool = false)
        -> LineChart
    {
        LineChart(
            title: "A & B", x: .init(title: "x", isLogarithmic: logarithmic), y: .init(title: "y"),
            series: [.init(name: "<one>", color: 0, points: points.map { (x: $0.0, y: $0.1) })],
            isScatter: scatter)
    }

    @Test("a line has a point for each value, and words are escaped")
    func line() throws {
        let svg = try #require(chart([(1, 3), (2, 2), (3, 1)]).svg)
        #expect(svg.contains("<polyline") && svg.contains("&lt;one&gt;") && svg.contains("A &amp; B"))
        let points = try #require(svg.firstMatch(of: /points="([^"]*)"/)).1.split(separator: " ")
        #expect(points.count == 3)
    }

    @Test("values that cannot be drawn are left out, and a chart of none is none")
    func notFinite() throws {
        let svg = try #require(chart([(1, .nan), (2, 2), (3, .infinity), (4, 5)]).svg)
        #expect(try #require(svg.firstMatch(of: /points="([^"]*)"/)).1.split(separator: " ").count == 2)
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        #expect(chart([(1, .nan)]).svg == nil && chart([]).svg == nil)
        #expect(
            try #require(chart([(0, 1), (10, 2), (100, 3)], logarithmic: true).svg).contains("<polyline"))
    }

    @Test("names of lines that end at one place stand apart, above the axis")
    func names() throws {
        let names = ["a", "b", "c", "d"]
        let chart = LineChart(
            title: "t", x: .init(title: "x"), y: .init(title: "y"),
            series: names.map { .init(name: $0, color: 0, points: [(x: 0, y: 9), (x: 1, y: 0)]) })
        let places = try #require(chart.svg).matches(of: /name" x="[^"]*" y="([^"]*)"/).compactMap {
            Double($0.1)
        }
        #expect(places.count == names.count)
        #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 >= 13.9 })
        #expect(places.allSatisfy { $0 < 340 - 46 && $0 > 16 })
    }

    @Test("equal values, one value and huge spans draw", arguments: [1e-9, 1, 1e12])
    func spans(_ size: Double) throws {
        let cases: [[(Double, Double)]] = [[(1, size), (2, size)], [(1, size)], [(1, -size), (1e9, size)]]
        for points in cases {
            let svg = try #require(chart(points).svg)
            #expect(!svg.contains("nan") && svg.count < 20_000)
        }
        #expect(
            try #require(chart([(size, size), (size * 1000, size)], logarithmic: true).svg).count < 20_000)
    }

    @Test("the largest value is the highest")
    func orientation() throws {
        let svg = try #require(chart([(1, 10), (2, 20)]).svg)
        let text = try #require(svg.firstMatch(of: /points="([^"]*)"/)).1
        let heights = text.split(separator: " ").compactMap { Double($0.split(separator: ",")[1]) }
        #expect(heights.count == 2 && heights[0] > heights[1])
    }
}
