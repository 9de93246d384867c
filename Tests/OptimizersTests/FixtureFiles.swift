import Foundation
import RandomNumbers
import Tensors

/// Reads the JSON file `Tests/Fixtures/<path>`, snake_case keys as camelCase.
func fixture<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: root.appending(path: "Fixtures").appending(path: path))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: data)
}

/// `count` reproducible numbers in [-range, range).
func randomVector(_ count: Int, seed: UInt64, range: Float = 1) -> Vector {
    let result = Vector(zeros: count)
    for index in 0..<count {
        let counter = Philox.counter(.sampling, low: 0, UInt32(index / 4), 0, 0)
        let word = Philox.block(key: seed, counter: counter)[index % 4]
        result[index] = (Philox.unitInterval(word) * 2 - 1) * range
    }
    return result
}

/// The exact bits, so that NaN and signed zeros are compared too.
func bits(_ vector: Vector) -> [UInt32] { vector.toArray().map(\.bitPattern) }

/// ‖a − b‖₂ ÷ ‖b‖₂ in Float64.
func relativeDifference(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) {
        $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
    }
    let norm = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    return difference.squareRoot() / max(norm.squareRoot(), 1e-30)
}
