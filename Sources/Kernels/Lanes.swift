import Tensors

/// Eight Float32 values handled together. Two SSE registers on plain x86-64, so every processor computes the same
/// bits: no fused multiply-add, and reductions in one fixed lane order.
typealias Lanes = SIMD8<Float>
/// Values in ``Lanes``.
let laneCount = 8

extension UnsafePointer<Float> {
    /// The eight values from `index` on.
    @inline(__always) @unsafe
    func lanes(_ index: Int) -> Lanes {
        unsafe UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
    }
}

extension UnsafeMutablePointer<Float> {
    /// The eight values from `index` on.
    @inline(__always) @unsafe
    func lanes(_ index: Int) -> Lanes {
        unsafe UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
    }

    /// Overwrites the eight values from `index` on.
    @inline(__always) @unsafe
    func setLanes(_ index: Int, _ value: Lanes) {
        unsafe UnsafeMutableRawPointer(self + index).storeBytes(of: value, as: Lanes.self)
    }
}

extension SIMD8<Float> {
    /// Sum of the lanes, as a tree: (0+4)+(2+6) and (1+5)+(3+7).
    @inline(__always)
    var laneSum: Float {
        let four = lowHalf + highHalf
        let two = four.lowHalf + four.highHalf
        return two[0] + two[1]
    }
}

extension Matrix {
    /// Address of element (0, 0) for reading.
    @unsafe var readPointer: UnsafePointer<Float> { unsafe storage.readPointer + offset }
    /// Address of element (0, 0) for writing.
    @unsafe var writePointer: UnsafeMutablePointer<Float> { unsafe storage.writePointer + offset }
    /// Address of row `index` for reading; not checked.
    @inline(__always) @unsafe
    func readRow(_ index: Int) -> UnsafePointer<Float> {
        unsafe storage.readPointer + (offset + index * rowStride)
    }
    /// Address of row `index` for writing; not checked.
    @inline(__always) @unsafe
    func writeRow(_ index: Int) -> UnsafeMutablePointer<Float> {
        unsafe storage.writePointer + (offset + index * rowStride)
    }
}

/// Calls `body` for every whole group of lanes in 0..<count, `rest` for each index left over.
@inline(__always)
func forEachLanes(_ count: Int, _ body: (Int) -> Void, rest: (Int) -> Void) {
    var i = 0
    while i + laneCount <= count {
        body(i)
        i += laneCount
    }
    while i < count {
        rest(i)
        i += 1
    }
}
