public import WireProtocol

extension Plan {
    /// What is wrong with this plan for a gradient cut as `layout` says; nil when nothing is.
    ///
    /// A sound plan names each participant once, covers each leaf exactly once, and gives every chunk to a
    /// participant.
    public func fault(layout: ChunkLayout) -> String? {
        guard leafCount >= 1, Int(leafCount) <= ReductionTree.maximumLeafCount else {
            return "a plan of \(leafCount) micro-batches"
        }
        guard Int(chunkElementCount) == layout.chunkElementCount, chunkOwners.count == layout.count else {
            return "a plan of \(chunkOwners.count) chunks of \(chunkElementCount) elements, expected "
                + "\(layout.count) of \(layout.chunkElementCount); does the worker train the same adapter?"
        }
        var ids = Set<UInt32>()
        var isCovered = [Bool](repeating: false, count: Int(leafCount))
        for participant in participants {
            guard ids.insert(participant.id).inserted else { return "participant \(participant.id) twice" }
            for leaf in participant.leaves {
                guard leaf < leafCount, !isCovered[Int(leaf)] else {
                    return "micro-batch \(leaf) of \(leafCount) is planned twice or does not exist"
                }
                isCovered[Int(leaf)] = true
            }
        }
        if let leaf = isCovered.firstIndex(of: false) { return "nobody computes micro-batch \(leaf)" }
        if let owner = chunkOwners.first(where: { !ids.contains($0) }) {
            return "chunks belong to \(owner), which does not take part"
        }
        return nil
    }

    /// The participant with this id.
    public func participant(_ id: UInt32) -> Participant? { participants.first { $0.id == id } }
}
