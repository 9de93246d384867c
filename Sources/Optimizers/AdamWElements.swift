/// The Float32 constants of one update of one parameter group, from Float64 by IEEE operations alone.
struct AdamWConstants {
    let gradientFactor: Float
    let oneMinusBeta1: Float
    let beta2: Float
    let oneMinusBeta2: Float
    let epsilon: Float
    /// 1 − η λ
    let decay: Float
    /// η ÷ c₁
    let stepLength: Float
    /// √c₂
    let rootBiasCorrection2: Float

    init(
        _ configuration: AdamWConfiguration, settings: ParameterGroups.Settings, update: UpdateParameters,
        gradientFactor: Float
    ) {
        let learningRate = Double(update.learningRate) * settings.learningRateMultiplier
        self.gradientFactor = gradientFactor
        oneMinusBeta1 = Float(1 - configuration.beta1)
        beta2 = Float(configuration.beta2)
        oneMinusBeta2 = Float(1 - configuration.beta2)
        epsilon = Float(configuration.epsilon)
        decay = Float(1 - learningRate * settings.weightDecay)
        stepLength = Float(learningRate / Double(update.biasCorrection1))
        rootBiasCorrection2 = Float(Double(update.biasCorrection2).squareRoot())
    }
}

/// Consecutive elements of the four vectors of an update. Lives only inside one call of ``AdamW``.
@unsafe struct AdamWElements {
    let count: Int
    let parameters: UnsafeMutablePointer<Float>
    let firstMoments: UnsafeMutablePointer<Float>
    let secondMoments: UnsafeMutablePointer<Float>
    let gradient: UnsafePointer<Float>

    /// Updates elements `start ..< count` one by one, as the definition reads.
    func updateEach(from start: Int, _ constants: AdamWConstants) {
        var index = start
        while unsafe index < count {
            let g = unsafe gradient[index] * constants.gradientFactor
            let m = unsafe firstMoments[index] + constants.oneMinusBeta1 * (g - firstMoments[index])
            let v = unsafe secondMoments[index] * constants.beta2 + (constants.oneMinusBeta2 * g) * g
            let denominator = v.squareRoot() / constants.rootBiasCorrection2 + constants.epsilon
            unsafe firstMoments[index] = m
            unsafe secondMoments[index] = v
            unsafe parameters[index] =
                parameters[index] * constants.decay - (constants.stepLength * m) / denominator
            index += 1
        }
    }

    /// Updates all elements, eight at a time: the same operations on each element in the same order.
    func updateVectors(_ constants: AdamWConstants) {
        typealias Lanes = SIMD8<Float>
        let parameterBytes = unsafe UnsafeMutableRawPointer(parameters)
        let firstBytes = unsafe UnsafeMutableRawPointer(firstMoments)
        let secondBytes = unsafe UnsafeMutableRawPointer(secondMoments)
        let gradientBytes = unsafe UnsafeRawPointer(gradient)
        let whole = unsafe count & ~7
        var index = 0
        while index < whole {
            let offset = index * 4
            let g =
                unsafe gradientBytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
                * constants.gradientFactor
            var m = unsafe firstBytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
            var v = unsafe secondBytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
            let w = unsafe parameterBytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
            m = m + constants.oneMinusBeta1 * (g - m)
            v = v * constants.beta2 + (constants.oneMinusBeta2 * g) * g
            let denominator = v.squareRoot() / constants.rootBiasCorrection2 + constants.epsilon
            unsafe firstBytes.storeBytes(of: m, toByteOffset: offset, as: Lanes.self)
            unsafe secondBytes.storeBytes(of: v, toByteOffset: offset, as: Lanes.self)
            unsafe parameterBytes.storeBytes(
                of: w * constants.decay - (constants.stepLength * m) / denominator, toByteOffset: offset,
                as: Lanes.self)
            index += 8
        }
        unsafe updateEach(from: whole, constants)
    }
}
