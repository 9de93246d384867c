/// `method`: what is trained.
public enum TrainingMethod: String, Codable, Sendable, Equatable, CaseIterable {
    /// Low-rank adapters beside a frozen base.
    case lora
    /// Some of the base's own weights.
    case partial
    /// All of the base's weights.
    case full
}

/// `objective`: what the loss asks of each sequence.
public enum Objective: String, Codable, Sendable, Equatable, CaseIterable {
    /// The token that follows (decoders, such as Llama).
    case causal
    /// Tokens that were masked (encoders, such as BERT, on rows of text).
    case mlm
    /// The class of a text (encoders, on rows of text and label).
    case classification
}

/// `data.train_on`: which tokens of a chat have a loss.
public enum SupervisedTokens: String, Codable, Sendable, Equatable, CaseIterable {
    /// What the assistant says, and its end token.
    case assistant
    /// Everything.
    case all
}

/// `training.lr_scheduler_type`: the learning rate over the run, after warm-up.
public enum ScheduleKind: String, Codable, Sendable, Equatable, CaseIterable {
    /// Stays at its peak.
    case constant
    /// Falls to 0 in a straight line.
    case linear
    /// Falls to 0 along half a cosine.
    case cosine
}

/// `training.gradient_checkpointing`: whether blocks are computed once more on the way back instead of keeping what the way
/// forward made of them. Less memory, more time, the same bits; so each worker may do as it likes.
public enum ActivationCheckpointing: Codable, Sendable, Equatable {
    /// `false`
    case never
    /// `true`
    case always
    /// `auto`: on a worker that would otherwise take more than half of its host's memory.
    case auto
}

/// `training.on_non_finite`: what a loss or gradient norm that is not finite does.
public enum NonFinitePolicy: String, Codable, Sendable, Equatable, CaseIterable {
    /// Ends the run with an error; the state before the step stays.
    case stop
    /// Leaves the parameters as they are and goes on with the next step.
    case skipStep = "skip_step"
}

/// `cluster.collective`: the way gradients are summed over workers.
public enum CollectiveKind: String, Codable, Sendable, Equatable, CaseIterable {
    /// Directly between workers.
    case mesh
    /// Through the coordinator.
    case star
}

/// `cluster.numerics`: what is promised about the bits.
public enum NumericsKind: String, Codable, Sendable, Equatable, CaseIterable {
    /// The same bits on any cluster: a worker whose BLAS build, core or kernels differ is refused.
    case exact
    /// Such a worker takes part; which promise does not hold is logged.
    case relaxed
}

/// `adapter.init_lora_weights`: how A and B start.
public enum InitialWeights: Codable, Sendable, Equatable {
    /// `true`: A uniform as PEFT (Kaiming, a = √5), B zero: the adapter starts as the identity.
    case zeroB
    /// `gaussian`: A normal with deviation 1 ÷ r, B zero.
    case gaussian
    /// `false`: B is random too, so that the adapter starts as something else than the identity.
    case randomB
    /// `pissa`, or `pissa_niter_N` with N rounds of a randomised decomposition: the largest singular terms of the weight.
    case pissa(iterations: Int?)
}

/// `adapter.bias`: which biases of the base are trained beside the adapter.
public enum TrainedBiases: String, Codable, Sendable, Equatable, CaseIterable {
    /// None of them.
    case none
    /// Every bias the base has.
    case all
    /// Those of the adapted modules.
    case loraOnly = "lora_only"
}

/// `adapter.target_modules`: which linear modules are adapted.
public enum TargetModules: Codable, Sendable, Equatable {
    /// `all-linear`: every linear module but the language-model head.
    case allLinear
    /// A module whose name is one of these, or ends in `.` and one of these.
    case names([String])
    /// A module whose whole name this regular expression matches.
    case pattern(String)
}

/// How often something happens: never, each so many steps, or at the end of each epoch.
public enum Interval: Codable, Sendable, Equatable {
    /// `0`
    case never
    /// Each so many steps (at least 1).
    case steps(Int)
    /// `epoch`
    case epoch

    /// Whether it is due after `step` (from 1), with `endsEpoch` telling whether the step is its epoch's last.
    public func isDue(after step: Int, endsEpoch: Bool) -> Bool {
        switch self {
        case .never: false
        case .steps(let count): count > 0 && step > 0 && step.isMultiple(of: count)
        case .epoch: endsEpoch
        }
    }
}
