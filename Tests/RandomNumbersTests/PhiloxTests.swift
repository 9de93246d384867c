import RandomNumbers
import Testing

@Suite struct PhiloxTests {
    @Test("gives the known answers of Random123")
    func knownAnswers() {
        #expect(
            Philox.block(key: 0, counter: .zero)
                == Philox.Block(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
        #expect(
            Philox.block(key: .max, counter: .init(repeating: .max))
                == Philox.Block(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
        #expect(
            Philox.block(
                key: 0x299F_31D0_A409_3822,
                counter: .init(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344))
                == Philox.Block(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
    }

    @Test("eight blocks at once have the bits of each alone")
    func eightBlocksAgree() {
        let counters = (0..<8).map { j -> Philox.Block in
            let lane = UInt32(j)
            return .init(0x0100_0007 &+ lane &* 99, lane &* 0x9E37_79B9, ~lane, lane << 15 | 3)
        }
        func words(_ index: Int) -> Philox.Words {
            var result = Philox.Words()
            for j in 0..<8 { result[j] = counters[j][index] }
            return result
        }
        let key: UInt64 = 0x0123_4567_89AB_CDEF
        let blocks = Philox.eightBlocks(key: key, words(0), words(1), words(2), words(3))
        for (j, counter) in counters.enumerated() {
            let one = Philox.Block(blocks.0[j], blocks.1[j], blocks.2[j], blocks.3[j])
            #expect(one == Philox.block(key: key, counter: counter))
        }
    }
}
