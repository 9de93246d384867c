import Kernels
import Tensors
import Testing

@Suite struct GELUTests {
    @Test(
        "forward agrees with the reference and backward with finite differences", arguments: [5, 8, 27],
        GELUForm.allCases)
    func agrees(columns: Int, form: GELUForm) {
        let values = randomValues(2 * columns, seed: 1).map { $0 * 4 }
        let input = Vector(values).matrix(rows: 2, columns: columns)
        let dOutput = randomMatrix(2, columns, seed: 3)
        let x = input.doubles
        let output = Matrix(rows: 2, columns: columns)
        geluForward(output: output, input: input, form: form)
        #expect(relativeDifference(output.doubles, Reference.gelu(x, form: form)) < 1e-6)

        geluBackward(values: input, dOutput: dOutput, form: form)
        let gradient = numericGradient(at: x) { weighted(Reference.gelu($0, form: form), dOutput.doubles) }
        #expect(relativeDifference(input.doubles, gradient) < 1e-5)
    }

    @Test("the factor stays within 3e-7 over the whole range", arguments: GELUForm.allCases)
    func isAccurate(form: GELUForm) {
        let inputs = (1..<20_001).map { Float($0 - 10_000) * 1.3e-3 }.filter { $0 != 0 }
        let input = Vector(inputs).matrix(rows: 1, columns: inputs.count)
        let output = Matrix(rows: 1, columns: inputs.count)
        geluForward(output: output, input: input, form: form)
        let exact = Reference.gelu(input.doubles, form: form)
        var worst = 0.0
        for (x, (found, expected)) in zip(inputs, zip(output.doubles, exact)) {
            worst = max(worst, abs(found - expected) / abs(Double(x)))
        }
        #expect(worst < 3e-7)
    }

    @Test("the two forms differ by what is known of them, and large inputs saturate")
    func formsAndExtremes() {
        let input = Vector([-200, 200, -1e15, 1e15, 0, 2]).matrix(rows: 1, columns: 6)
        var results: [[Float]] = []
        for form in GELUForm.allCases {
            let output = Matrix(rows: 1, columns: 6)
            geluForward(output: output, input: input, form: form)
            let values = output.toArray()
            #expect(abs(values[0]) < 1e-30 && values[1] == 200)
            #expect(abs(values[2]) < 1e-20 && values[3] == 1e15 && values[4] == 0)
            results.append(values)
        }
        #expect(abs(results[0][5] - 1.954_499_7) < 1e-6)
        #expect(abs(results[1][5] - 1.954_597_7) < 1e-6)
    }

    @Test("every instruction set gives the same values", arguments: GELUForm.allCases)
    func variantsAgree(form: GELUForm) {
        func run(_ variant: ProductVariant) -> [Float] {
            let input = Vector(randomValues(61, seed: 7).map { $0 * 9 }).matrix(rows: 1, columns: 61)
            let output = Matrix(rows: 1, columns: 61)
            geluForward(output: output, input: input, form: form, variant: variant)
            geluBackward(values: input, dOutput: randomMatrix(1, 61, seed: 8), form: form, variant: variant)
            return output.toArray() + input.toArray()
        }
        for variant in ProductVariant.allCases where variant <= .widest {
            #expect(run(variant) == run(.blas), "\(variant)")
        }
    }
}
