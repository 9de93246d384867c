import COpenBLAS
import Synchronization

/// The one BLAS library of the process: how it is set up and what it is.
///
/// OpenBLAS keeps one process-wide thread count. Parallelism here comes from micro-batches, each computed by one
/// thread, so that count is set to one before the first product; then a product's bits depend on nothing but its
/// shape, its values, the library's build and the core it was tuned for.
public enum BLAS {
    /// Sets OpenBLAS to one thread, once; later calls do nothing.
    ///
    /// - Thread: any.
    public static func configureSingleThreaded() {
        isConfigured.withLock { configured in
            guard !configured else { return }
            openblas_set_num_threads(1)
            configured = true
        }
    }

    private static let isConfigured = Mutex(false)

    /// The build of the library, e.g. `OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=128`.
    public static var configuration: String {
        guard let text = unsafe openblas_get_config() else { return "unknown" }
        return unsafe String(cString: text).trimmingSpaces()
    }

    /// The core whose kernels are in use (`OPENBLAS_CORETYPE` overrides the detected one), e.g. `Haswell`.
    public static var coreName: String {
        guard let text = unsafe openblas_get_corename() else { return "unknown" }
        return unsafe String(cString: text).trimmingSpaces()
    }

    /// Threads a single product would use; 1 after ``configureSingleThreaded()``.
    public static var threadCount: Int { Int(openblas_get_num_threads()) }

    /// What must be equal on two hosts for their products to have the same bits: library build, core and the
    /// revision of this target's own loops.
    public static var fingerprint: String { "\(configuration) | \(coreName) | \(kernelVariant)" }

    /// Name of this target's own loops and products; equal names give equal bits. The number goes up with every change
    /// of their rounding. Products with fused multiply-add have the same bits in any width.
    public static var kernelVariant: String {
        "shoal-kernels-3-" + (ProductVariant.inUse == .blas ? "blas" : "fused")
    }
}

extension String {
    /// Without leading and trailing spaces.
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
