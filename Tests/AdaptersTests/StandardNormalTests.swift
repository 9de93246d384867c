import Foundation
import RandomNumbers
import Testing

@Suite("Standard normal numbers")
struct StandardNormalTests {
    @Test("logarithm and circle without the mathematics library are accurate")
    func functionsAreAccurate() {
        for index in 1...20_000 {
            let value = Double(index) / 20_000
            let exact = log(value)
            #expect(abs(StandardNormal.logarithm(value) - exact) <= 4e-16 * max(1, abs(exact)))
            let (cosine, sine) = StandardNormal.cosineAndSine(value)
            #expect(abs(cosine - cos(value * .pi / 2)) <= 5e-16)
            #expect(abs(sine - sin(value * .pi / 2)) <= 5e-16)
        }
        #expect(abs(StandardNormal.logarithm(0x1p-32) - log(0x1p-32)) <= 8e-15)
    }

    @Test("every word gives a finite number")
    func extremeWordsAreFinite() {
        for word in [UInt32.min, 1, 0x3FFF_FFFF, 0x4000_0000, 0x8000_0000, 0xC000_0000, .max] {
            let four = StandardNormal.four(Philox.Block(word, word, 0, word))
            for lane in 0..<4 { #expect(four[lane].isFinite && abs(four[lane]) < 7) }
        }
    }
}
