import CBuildInfo
import Kernels
import Training
import WireProtocol

/// What `shoal --version` prints: everything that decides the bits of a run.
enum Version {
    static let description: String = """
        shoal \(ShoalVersion.current) (commit \(commit))
        BLAS: \(BLAS.configuration), core \(BLAS.coreName)
        kernels: \(BLAS.kernelVariant), products \(ProductVariant.inUse)
        protocol: \(ProtocolVersion.current)
        """

    private static var commit: String { unsafe String(cString: CBuildInfo_commit()) }
}
