import Dispatch
import Foundation
import Synchronization
public import Tensors

/// Threads that share one product by output columns, for generation, where one text must be fast.
///
/// - Thread: products are asked for by one thread at a time, which does a part itself.
public final class ProductThreads: Sendable {
    /// Threads that share a product, the caller's among them.
    public let threadCount: Int
    private let helpers: [ProductHelper]

    /// Starts `threadCount` − 1 threads, which end with this object.
    public init(threadCount: Int) {
        BLAS.configureSingleThreaded()
        self.threadCount = max(threadCount, 1)
        helpers = (1..<max(threadCount, 1)).map { _ in ProductHelper() }
    }

    deinit {
        for helper in helpers { helper.stop() }
    }

    /// output = input · right.
    ///
    /// - Shapes: `output` [N, out]; `input` [N, in]; `right` [in, out]. Accumulates nothing.
    public func product(output: Matrix, input: Matrix, _ right: Factor) {
        let parts = right.matrix.count < Self.smallestShared ? 1 : threadCount
        let (columns, partColumns) = (right.columns, (right.columns + parts - 1) / parts)
        for part in 1..<max(parts, 1) {
            let range = min(part * partColumns, columns)..<min((part + 1) * partColumns, columns)
            helpers[part - 1].start(
                ProductPart(output: output.columns(range), input: input, right: right.columns(range)))
        }
        let own = 0..<min(partColumns, columns)
        ProductPart(output: output.columns(own), input: input, right: right.columns(own)).compute()
        for part in 1..<max(parts, 1) { helpers[part - 1].finish() }
    }

    /// Elements of a factor below which handing over a part costs more than it saves.
    private static let smallestShared = 1 << 16
}

/// A part of a product.
private struct ProductPart: Sendable {
    let output: Matrix
    let input: Matrix
    let right: Factor

    func compute() {
        if input.rows == 1 {
            vectorMatrix(output: output.row(0), input: input.row(0), right)
        } else {
            gemm(output: output, .plain(input), right)
        }
    }
}

/// One thread that computes parts handed to it. Between parts it spins for a moment, because the next comes soon
/// while a text is being generated, and sleeps after that.
private final class ProductHelper: Sendable {
    private enum State: Int {
        case idle, ready, done, stopped
    }

    private let state = Atomic<Int>(State.idle.rawValue)
    private let isSleeping = Atomic<Bool>(false)
    private let wake = DispatchSemaphore(value: 0)
    private let part = Mutex<ProductPart?>(nil)

    init() {
        let thread = Thread { [self] in run() }
        thread.name = "shoal product"
        thread.start()
    }

    func start(_ newPart: ProductPart) {
        part.withLock { $0 = newPart }
        set(.ready)
    }

    /// Waits until the part is computed.
    func finish() {
        while state.load(ordering: .acquiring) != State.done.rawValue { sched_yield() }
    }

    func stop() { set(.stopped) }

    private func set(_ new: State) {
        state.store(new.rawValue, ordering: .sequentiallyConsistent)
        if isSleeping.exchange(false, ordering: .sequentiallyConsistent) { wake.signal() }
    }

    private func run() {
        while true {
            switch State(rawValue: waitForWork()) {
            case .ready:
                part.withLock { $0 }?.compute()
                part.withLock { $0 = nil }
                state.store(State.done.rawValue, ordering: .releasing)
            case .stopped: return
            case .idle, .done, nil: continue
            }
        }
    }

    /// Returns once the state is `ready` or `stopped`.
    private func waitForWork() -> Int {
        var spins = 0
        while true {
            let now = state.load(ordering: .sequentiallyConsistent)
            if now == State.ready.rawValue || now == State.stopped.rawValue { return now }
            spins += 1
            if spins < Self.spinLimit {
                sched_yield()
                continue
            }
            // Announce the sleep, then look again: whoever changes the state afterwards sees the announcement.
            isSleeping.store(true, ordering: .sequentiallyConsistent)
            let again = state.load(ordering: .sequentiallyConsistent)
            if again == State.ready.rawValue || again == State.stopped.rawValue {
                if !isSleeping.exchange(false, ordering: .sequentiallyConsistent) { wake.wait() }
                return again
            }
            wake.wait()
            spins = 0
        }
    }

    /// About 50 µs.
    private static let spinLimit = 200
}
