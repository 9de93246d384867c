// swift-tools-version: 6.2
import PackageDescription

// Targets stand layer by layer; a target imports only from layers above it in this file (scripts/check-layers).
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")

// `shoal --version` names the commit it was built from.
let commit =
    Context.gitInformation.map { $0.currentCommit.prefix(12) + ($0.hasUncommittedChanges ? "+" : "") }
    ?? "unknown"

let package = Package(
    name: "shoal",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        // C: system libraries, shims and generated messages
        .systemLibrary(name: "CZMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CProtobufC", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CPCRE2", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        // C++: libsentencepiece has no C interface.
        .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece")]),
        .target(name: "CDurableFiles"),
        .target(name: "CKernels"),
        .target(name: "CChecksum"),
        .target(name: "CBuildInfo", cSettings: [.define("SHOAL_COMMIT", to: "\"\(commit)\"")]),
        .target(name: "CMemoryGuard"),
        .target(name: "CMessages", dependencies: ["CProtobufC"]),

        // L1: no imports from the project
        .target(name: "Tensors", dependencies: ["CMemoryGuard"]),
        .target(name: "RandomNumbers"),
        .target(name: "DurableFiles", dependencies: ["CDurableFiles", crypto]),
        .target(name: "Tokenizers", dependencies: ["CPCRE2", "CSentencePiece"]),
        .target(name: "ZeroMQ", dependencies: ["CZMQ"]),
        .target(name: "Configurations", dependencies: [yams]),
        .target(name: "Lab"),
        .target(name: "Charts"),

        // L2
        .target(name: "Kernels", dependencies: ["CKernels", "COpenBLAS", "RandomNumbers", "Tensors"]),
        .target(name: "WeightFiles", dependencies: ["DurableFiles", "Tensors"]),
        .target(name: "WireProtocol", dependencies: ["CChecksum", "CMessages", "CProtobufC", "Tensors"]),
        .target(name: "Telemetry", dependencies: ["DurableFiles", logging]),
        .target(name: "FaultPoints", dependencies: ["Configurations", "DurableFiles"]),

        // L3
        .target(name: "Layers", dependencies: ["Kernels", "Tensors"]),
        .target(name: "Datasets", dependencies: ["CZlib", "RandomNumbers", "Tensors", "Tokenizers"]),
        .target(name: "Optimizers", dependencies: ["DurableFiles", "Tensors"]),
        .target(name: "Coordination", dependencies: ["WireProtocol"]),
        .target(name: "Transports", dependencies: ["WireProtocol", "ZeroMQ"]),
        .target(
            name: "Hub", dependencies: ["DurableFiles", asyncHTTPClient, crypto, logging, nioCore, nioHTTP1]),

        // L4
        .target(name: "Transformers", dependencies: ["Kernels", "Layers", "RandomNumbers", "Tensors"]),
        .target(
            name: "Adapters",
            dependencies: [
                "Configurations", "DurableFiles", "Kernels", "Layers", "RandomNumbers", "Tensors",
                "WeightFiles",
            ]),
        .target(
            name: "Checkpoints",
            dependencies: [
                "DurableFiles", "FaultPoints", "Optimizers", "Telemetry", "Tensors", "WeightFiles",
            ]),
        .target(name: "Collectives", dependencies: ["Coordination", "Tensors", "WireProtocol", crypto]),
        .target(
            name: "Bases", dependencies: ["DurableFiles", "Hub", "Layers", "Tensors", "WeightFiles", logging]),

        // L5
        .target(
            name: "Training",
            dependencies: [
                "Adapters", "Bases", "Checkpoints", "Configurations", "Datasets", "DurableFiles",
                "FaultPoints", "Layers", "Optimizers", "Telemetry", "Tensors", "Tokenizers", "Transformers",
                "WeightFiles",
                "WireProtocol", logging,
            ]),

        .target(
            name: "Comparison",
            dependencies: [
                "Charts", "Checkpoints", "Configurations", "DurableFiles", "Lab", "Telemetry",
                "WeightFiles",
                mustache,
            ]),

        .target(
            name: "Dashboard",
            dependencies: [
                "Charts", "DurableFiles", "Telemetry", "WireProtocol", hummingbird, logging, mustache,
            ]),

        // L6
        .target(
            name: "Cluster",
            dependencies: [
                "Adapters", "Bases", "Checkpoints", "Collectives", "Configurations", "Coordination",
                "DurableFiles", "FaultPoints", "Telemetry", "Tensors", "Training", "Transports",
                "WireProtocol", "ZeroMQ", logging,
            ]),

        // L7
        .executableTarget(
            name: "shoal",
            dependencies: [
                "Adapters", "Bases", "CBuildInfo", "Charts", "Checkpoints", "Cluster", "Comparison",
                "Configurations",
                "Coordination", "Dashboard", "Datasets", "DurableFiles", "FaultPoints", "Hub", "Kernels",
                "Lab",
                "Tokenizers", "Training",
                "Transformers",
                "Transports", "WeightFiles", "WireProtocol", "ZeroMQ", argumentParser, logging,
            ]),

        // Tests: fuzzing as a library and a command, then one target for each library
        .target(
            name: "Fuzzing",
            dependencies: [
                "Adapters", "Bases", "Checkpoints", "Collectives", "Configurations", "Coordination",
                "Datasets", "DurableFiles", "Optimizers", "Tensors", "Tokenizers", "Training", "WeightFiles",
                "WireProtocol",
            ], path: "Tests/Fuzzing", exclude: ["Corpus"]),
        .executableTarget(name: "fuzz", dependencies: ["Fuzzing", argumentParser], path: "Tests/fuzz"),
        .testTarget(
            name: "AdaptersTests",
            dependencies: [
                "Adapters", "Configurations", "DurableFiles", "Kernels", "Layers", "RandomNumbers", "Tensors",
                "WeightFiles",
            ]),
        .testTarget(
            name: "BasesTests",
            dependencies: ["Bases", "DurableFiles", "Hub", "Tensors", "WeightFiles", logging]),
        .testTarget(
            name: "CheckpointsTests",
            dependencies: ["Checkpoints", "DurableFiles", "Optimizers", "Tensors", "WeightFiles"]),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Bases", "Cluster", "Coordination", "DurableFiles", "Optimizers", "Tensors", "Training",
                "Transports",
                "WireProtocol", "ZeroMQ", logging,
            ]),
        .testTarget(
            name: "CollectivesTests",
            dependencies: ["Collectives", "Coordination", "Tensors", "WireProtocol"]),
        .testTarget(
            name: "ComparisonTests",
            dependencies: ["Comparison", "Configurations", "Lab", "Telemetry"]),
        .testTarget(name: "ConfigurationsTests", dependencies: ["Configurations"]),
        .testTarget(
            name: "CoordinationTests",
            dependencies: ["Collectives", "Coordination", "Tensors", "WireProtocol"]),
        .testTarget(name: "ChartsTests", dependencies: ["Charts"]),
        .testTarget(
            name: "DashboardTests", dependencies: ["Dashboard", "Telemetry", "WireProtocol", logging]),
        .testTarget(
            name: "DatasetsTests", dependencies: ["Datasets", "RandomNumbers", "Tensors", "Tokenizers"]),
        .testTarget(name: "DurableFilesTests", dependencies: ["DurableFiles"]),
        .testTarget(name: "FaultPointsTests", dependencies: ["DurableFiles", "FaultPoints"]),
        .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "fuzz"]),
        .testTarget(
            name: "HubTests",
            dependencies: ["DurableFiles", "Hub", crypto, logging, nioCore, nioHTTP1, nioPosix]),
        .testTarget(name: "KernelsTests", dependencies: ["Kernels", "RandomNumbers", "Tensors"]),
        .testTarget(name: "LabTests", dependencies: ["Lab"]),
        .testTarget(name: "LayersTests", dependencies: ["Layers", "Tensors"]),
        .testTarget(
            name: "OptimizersTests", dependencies: ["DurableFiles", "Optimizers", "RandomNumbers", "Tensors"]),
        .testTarget(name: "RandomNumbersTests", dependencies: ["RandomNumbers"]),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", logging]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
        .testTarget(name: "TokenizersTests", dependencies: ["CZlib", "Tokenizers"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Adapters", "Bases", "Checkpoints", "Collectives", "Configurations", "Coordination",
                "Datasets", "DurableFiles", "Layers", "Telemetry", "Tensors", "Training", "Transformers",
                "WeightFiles", "WireProtocol", logging,
            ]),
        .testTarget(
            name: "TransformersTests",
            dependencies: [
                "Adapters", "Bases", "Kernels", "Layers", "RandomNumbers", "Tensors", "Transformers",
            ]),
        .testTarget(
            name: "TransportsTests", dependencies: ["Tensors", "Transports", "WireProtocol", "ZeroMQ"]),
        .testTarget(name: "WeightFilesTests", dependencies: ["DurableFiles", "Tensors", "WeightFiles"]),
        .testTarget(name: "WireProtocolTests", dependencies: ["Fuzzing", "Tensors", "WireProtocol"]),
        .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ"]),
        .testTarget(name: "IntegrationTests", dependencies: ["Cluster", "WireProtocol", "ZeroMQ"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// Benchmarks/run sets SHOAL_BENCHMARKS; nobody else builds them.
if Context.environment["SHOAL_BENCHMARKS"] != nil {
    package.targets.append(
        .executableTarget(
            name: "shoal-benchmarks",
            dependencies: [
                "Bases", "Cluster", "Coordination", "DurableFiles", "Kernels", "Layers", "Optimizers",
                "Tensors",
                "Tokenizers",
                "Training", "Transformers", "Transports", "WireProtocol", "ZeroMQ", argumentParser, logging,
            ],
            path: "Benchmarks/Sources"))
}

// scripts/test sets SHOAL_STRICT: a new compiler's warnings stop those who change Shoal, never those who build it.
let strict: [SwiftSetting] = Context.environment["SHOAL_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]
for target in package.targets where target.type != .system {
    target.swiftSettings =
        [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .strictMemorySafety(),
        ] + strict
}
