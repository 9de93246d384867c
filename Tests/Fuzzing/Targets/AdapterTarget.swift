import Bases
import Logging
import Tensors
import Training

/// PEFT directories, opened on a base as training, evaluation and generation open them.
public final class AdapterTarget: FuzzTarget {
    public static let name = "adapter"
    public let corpus: [FuzzInput]
    public let words =
        SafetensorsBytes.words
        + [
            "r", "lora_alpha", "lora_dropout", "target_modules", "all-linear", "rank_pattern",
            "alpha_pattern",
            "layers_to_transform", "use_rslora", "use_dora", "modules_to_save", "init_lora_weights", "bias",
            "peft_type",
            "LORA", "q_proj", ".*", "(a+)+$", "[", "\\\\", "exclude_modules", "lora_A", "base_model.model.",
        ].map { Array($0.utf8) }
    private let workspace: FuzzWorkspace
    private let base: LoadedBase

    public init(_ workspace: FuzzWorkspace) throws {
        self.workspace = workspace
        base = try LoadedBase(
            base: try Base(
                path: workspace.fixtures + "/tiny-base", cache: CacheStore(root: workspace.folder + "/cache"))
        )
        let names = ["adapter_config.json", "adapter_model.safetensors"]
        corpus =
            try workspace.stored(Self.name)
            + ["initial", "final"].map { folder in
                FuzzInput(try names.map { .init($0, try workspace.fixture("training/\(folder)/\($0)")) })
            }
        guard try corpus.allSatisfy({ try execute($0) }) else {
            throw FuzzFailure("a well-formed adapter is refused")
        }
    }

    public func mutate(_ input: inout FuzzInput, other: FuzzInput, _ mutator: inout FuzzMutator) {
        if mutator.random.oneIn(2) {
            mutator.mutate(&input.parts[0].bytes, other: other.parts[0].bytes, words: words)
        } else {
            SafetensorsBytes.mutate(&input.parts[1].bytes, other: other.parts[1].bytes, &mutator)
        }
    }

    public func execute(_ input: FuzzInput) throws(FuzzFailure) -> Bool {
        for part in input.parts { _ = try workspace.write(part.name, part.bytes) }
        guard
            let (adapted, parameters) = try? AdaptedModel.open(
                workspace.folder, on: base, allowsDifferentBase: true)
        else { return false }
        guard parameters.count == adapted.layout.count, parameters.toArray().allSatisfy(\.isFinite) else {
            throw FuzzFailure("an adapter was taken whose values are not finite or not those of its layout")
        }
        return true
    }
}
