/// What a progress display shows, as text; no terminal, no clock.
public struct ProgressText: Sendable, Equatable {
    /// Steps done.
    public var step: Int
    /// Steps of the whole run; nil where that is not known.
    public var totalSteps: Int?
    /// Loss of the last step.
    public var loss: Double
    /// Tokens a second of all workers.
    public var tokensPerSecond: Double
    /// Workers that took part.
    public var workerCount: Int
    /// Seconds until the last step is done; nil where that is not known.
    public var secondsLeft: Double?
    /// What is out of the ordinary.
    public var remarks: [String]

    public init(
        step: Int, totalSteps: Int?, loss: Double, tokensPerSecond: Double, workerCount: Int,
        secondsLeft: Double?, remarks: [String] = []
    ) {
        self.remarks = remarks
        self.step = step
        self.totalSteps = totalSteps
        self.loss = loss
        self.tokensPerSecond = tokensPerSecond
        self.workerCount = workerCount
        self.secondsLeft = secondsLeft
    }

    /// A whole line for logs: `step 12/30  loss 0.4312  1,234 tokens/s  2 workers  0:41 left`.
    public var line: String { (["step " + counter] + facts).joined(separator: "  ") }

    /// A line with a bar for a terminal of `columns` columns: `12/30 [======>      ] loss 0.4312 …`.
    public func bar(columns: Int) -> String {
        let facts = facts.joined(separator: "  ")
        // A character in the last column makes some terminals begin a new line.
        let room = columns - 1 - counter.count - facts.count - 5
        guard let totalSteps, totalSteps > 0, room >= 4 else {
            return String((counter + "  " + facts).prefix(max(0, columns - 1)))
        }
        let width = min(room, 40)
        let filled = max(0, min(width, step * width / totalSteps))
        let head = filled > 0 && filled < width ? ">" : ""
        let bar =
            String(repeating: "=", count: filled - head.count) + head
            + String(repeating: " ", count: width - filled)
        return "\(counter) [\(bar)]  \(facts)"
    }

    private var counter: String { totalSteps.map { "\(step)/\($0)" } ?? "\(step)" }

    private var facts: [String] {
        var facts = [
            "loss \(Self.fixed(loss, digits: 4))", "\(Self.grouped(tokensPerSecond)) tokens/s",
            workerCount == 1 ? "1 worker" : "\(workerCount) workers",
        ]
        if let secondsLeft { facts.append("\(Self.clock(secondsLeft)) left") }
        return facts + remarks
    }

    /// `1:02:03`, or `2:03` below an hour.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(seconds.rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0
            ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
    }

    /// `1,234`: rounded, with commas between thousands.
    static func grouped(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "?" }
        let digits = Array(String(Int(value.rounded())))
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, digit != "-", (digits.count - index) % 3 == 0, digits[index - 1] != "-" {
                result += ","
            }
            result.append(digit)
        }
        return result
    }

    /// `0.4312`: rounded to `digits` decimals; `nan` and `inf` as they are.
    static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        let power = (0..<digits).reduce(1) { power, _ in power * 10 }
        let scaled = Int((abs(value) * Double(power)).rounded())
        let fraction = String(scaled % power)
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return (value < 0 && scaled > 0 ? "-" : "") + "\(scaled / power).\(zeros)\(fraction)"
    }
}
