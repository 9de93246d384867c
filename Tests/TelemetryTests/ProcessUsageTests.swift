import Telemetry
import Testing

@Suite("Process usage")
struct ProcessUsageTests {
    @Test("this process has used memory and processor time")
    func currentIsPlausible() {
        var sum = 0.0
        for index in 0..<3_000_000 { sum += Double(index).squareRoot() }
        let usage = ProcessUsage.current(includingProportional: true)
        #expect(sum > 0)
        #expect(usage.peakResidentBytes >= usage.residentBytes)
        #expect(usage.residentBytes > 1 << 20)
        #expect(usage.processorSeconds > 0)
        if let proportional = usage.proportionalBytes { #expect(proportional <= usage.peakResidentBytes * 2) }
        #expect(ProcessUsage.current().proportionalBytes == nil)
    }

    @Test("lines of /proc are read by key, and nothing else is taken for them")
    func linesAreRead() {
        let text = "Name:\tVmHWM:\nVmHWM:\t   61640 kB\nVmRSS:\t nonsense kB\nPss: 12 MB\n"
        #expect(ProcessUsage.bytes(of: "VmHWM", in: text) == 61640 * 1024)
        #expect(ProcessUsage.bytes(of: "VmRSS", in: text) == nil)
        #expect(ProcessUsage.bytes(of: "Pss", in: text) == nil)
        #expect(ProcessUsage.bytes(of: "VmSwap", in: text) == nil)
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0"
        #expect(ProcessUsage.processorSeconds(in: stat, ticksPerSecond: 100) == 3)
        #expect(ProcessUsage.processorSeconds(in: "12 (x) S 1", ticksPerSecond: 100) == nil)
    }
}
