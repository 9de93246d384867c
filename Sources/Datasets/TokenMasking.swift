import RandomNumbers
import Tensors
public import Tokenizers

/// Which tokens of a text a masked language model has to find again, and what stands in their place.
///
/// Each token of the text (not those of the frame) is chosen with probability 15 %; of the chosen ones 80 % become the
/// mask token, 10 % a random token, and 10 % stay. Where a text has no chosen token, the one that came nearest is. The
/// numbers come from Philox4x32-10 at (purpose masking, 0, epoch, example, position) under the seed, so a mask depends
/// neither on packing nor on who computes, and changes from epoch to epoch.
///
/// - Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1.
public struct TokenMasking: Sendable, Equatable {
    /// Share of the tokens that are chosen.
    public static let share: Float = 0.15
    /// The epoch of an evaluation's masks, which are the same each time.
    public static let evaluationEpoch = Int(UInt32.max)

    /// `training.seed`
    public let seed: UInt64
    /// What chosen tokens become.
    public let maskTokenID: Int32
    /// Random tokens are below it.
    public let vocabularyCount: Int

    public init(seed: UInt64, maskTokenID: Int32, vocabularyCount: Int) {
        self.seed = seed
        self.maskTokenID = maskTokenID
        self.vocabularyCount = vocabularyCount
    }

    /// Masks by a tokenizer's own mask token.
    ///
    /// - Throws: ``DatasetError`` with code `.tokenization` for one that has none.
    public init(seed: UInt64, tokenizer: any Tokenizer) throws(DatasetError) {
        guard let mask = ["[MASK]", "<mask>"].lazy.compactMap({ tokenizer.id(ofToken: $0) }).first else {
            throw DatasetError(
                code: .tokenization,
                message: "objective: mlm needs a mask token and the tokenizer has neither [MASK] nor <mask>; "
                    + "take an encoder's base, such as BERT")
        }
        self.init(seed: seed, maskTokenID: mask, vocabularyCount: tokenizer.vocabularyCount)
    }

    /// Masks tokens of example `exampleID`.
    ///
    /// - Parameters:
    ///   - tokens: [T] without the frame; not empty.
    ///   - position: that of the first one in its example.
    /// - Returns: [T] what the model reads, and [T] what it should find, `MicroBatch.noTarget` where nothing.
    public func mask(_ tokens: ArraySlice<Int32>, exampleID: UInt32, position: Int, epoch: Int)
        -> (tokenIDs: [Int32], targets: [Int32])
    {
        var ids = Array(tokens)
        var targets = Array(repeating: MicroBatch.noTarget, count: ids.count)
        let blocks = ids.indices.map { index in
            Philox.block(
                key: seed,
                counter: Philox.counter(
                    .masking, low: 0, UInt32(truncatingIfNeeded: epoch), exampleID,
                    UInt32(truncatingIfNeeded: position + index)))
        }
        var chosen = blocks.indices.filter { Philox.unitInterval(blocks[$0][0]) < Self.share }
        if chosen.isEmpty, let nearest = blocks.indices.min(by: { blocks[$0][0] < blocks[$1][0] }) {
            chosen = [nearest]
        }
        for index in chosen {
            targets[index] = ids[index]
            let (kind, random) = (Philox.unitInterval(blocks[index][1]), blocks[index][2])
            if kind < 0.8 {
                ids[index] = maskTokenID
            } else if kind < 0.9 {
                ids[index] = Int32(random.multipliedFullWidth(by: UInt32(vocabularyCount)).high)
            }
        }
        return (ids, targets)
    }
}
