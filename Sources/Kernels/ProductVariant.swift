import CKernels
import Glibc

/// Which code computes matrix products.
///
/// ``avx2`` and ``avx512`` give the same bits: each element is a chain of fused multiply-adds in ascending order, cut into
/// blocks by the inner dimension alone. ``blas`` is for processors without fused multiply-add.
public enum ProductVariant: Int32, Sendable, Comparable, CaseIterable, CustomStringConvertible {
    /// `cblas_sgemm` of the BLAS library.
    case blas = 0
    /// Eight lanes.
    case avx2 = 1
    /// Sixteen lanes.
    case avx512 = 2

    /// The widest that this processor runs.
    public static let widest = ProductVariant(rawValue: CKernels_widest()) ?? .blas

    /// The variable that chooses a narrower one: `blas`, `avx2` or `avx512`.
    public static let environmentVariable = "SHOAL_KERNELS"

    /// The one in use: the widest, or what ``environmentVariable`` names where the processor has it.
    public static let inUse: ProductVariant = {
        guard let value = unsafe getenv(environmentVariable) else { return widest }
        return min(ProductVariant(name: unsafe String(cString: value)) ?? widest, widest)
    }()

    private init?(name: String) {
        guard let variant = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = variant
    }

    /// As ``environmentVariable`` spells it.
    public var name: String {
        switch self {
        case .blas: "blas"
        case .avx2: "avx2"
        case .avx512: "avx512"
        }
    }

    public var description: String { name }

    public static func < (left: ProductVariant, right: ProductVariant) -> Bool {
        left.rawValue < right.rawValue
    }
}
