package import Tensors

/// destination = left + right, element by element.
///
/// - Shapes: all [N].
/// - Aliases: `destination` may be `left` or `right` itself, but not overlap them otherwise.
/// - Numerics: one IEEE addition an element; scalar and vector code give the same bits.
/// - Thread: caller's.
package func add(_ left: Vector, _ right: Vector, into destination: Vector) {
    precondition(
        left.count == right.count && left.count == destination.count,
        "adding \(left.count) and \(right.count) elements into \(destination.count)")
    let a = unsafe left.readPointer
    let b = unsafe right.readPointer
    let sum = unsafe destination.writePointer
    for index in 0..<destination.count { unsafe sum[index] = unsafe a[index] + b[index] }
}
