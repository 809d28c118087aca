// swift-tools-version: 6.2
import PackageDescription

// Layers are strict: a target names only lower ones here, and Scripts/check.sh proves that no file
// imports more than its target declares. See docs/architecture.md for what lives where.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
]

/// With FALCON_OPTIMIZED_DEBUG set, as Scripts/test.sh does, what whole models go through is optimised in debug builds
/// too: tests take a tenth of the time. Without it no flag bars this package from being a dependency.
let optimizesDebug = Context.environment["FALCON_OPTIMIZED_DEBUG"] != nil
let optimizedC: [CSetting] = optimizesDebug ? [.unsafeFlags(["-O3"], .when(configuration: .debug))] : []
let optimizedSwift: [SwiftSetting] = optimizesDebug ? [.unsafeFlags(["-O"], .when(configuration: .debug))] : []
let strictC: [CSetting] = [.enableWarning("all"), .treatAllWarnings(as: .error)]

// For --version. From the environment, which the scripts set: git's state would be that of an earlier build, since
// manifests are cached.
let commit: [CSetting] =
    Context.environment["FALCON_COMMIT"].map { commit in
        commit.allSatisfy(\.isHexDigit) ? [.define("FALCON_COMMIT", to: "\"\(commit)\"")] : []
    } ?? []

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [
            "FalconCommandSupport", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: dependencies + ["FalconTestSupport"],
        swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

/// With FALCON_DOCUMENTATION set, as Scripts/document.sh does, `swift package generate-documentation` is there.
let documentation: [Package.Dependency] =
    Context.environment["FALCON_DOCUMENTATION"] == nil
    ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]

/// What only the server needs: neither fetched nor built without the trait.
func server(_ product: String, _ package: String) -> Target.Dependency {
    .product(name: product, package: package, condition: .when(traits: ["Server"]))
}

/// The name under which pkg-config knows the MPI to build with: FALCON_MPI, or the one that Debian's alternatives name.
let mpi = Context.environment["FALCON_MPI"] ?? "mpi-c"

let package = Package(
    name: "Falcon",
    platforms: [.macOS(.v15)],
    products: [.library(name: "Falcon", targets: ["Falcon"])],
    traits: [
        .trait(name: "Server", description: "Builds falcon-serve with its web server, Hummingbird."),
        .trait(name: "MPI", description: "Lets mpirun and srun start falcon-train as several ranks (docs/cluster.md)."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ] + documentation,
    targets: [
        // Layer 0: C. System libraries through pkg-config, and our own SIMD loops.
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
        .systemLibrary(
            name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        // MPI's flags, and MPI as plain functions: only with the trait, and empty without.
        .systemLibrary(
            name: "CMPIHeaders", pkgConfig: mpi, providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
        .target(
            name: "CMPI", dependencies: [.target(name: "CMPIHeaders", condition: .when(traits: ["MPI"]))],
            cSettings: strictC + [.define("FALCON_MPI", .when(traits: ["MPI"]))]),
        .target(name: "CFalconKernels", cSettings: strictC + optimizedC),
        // What commands do to their own process. No library may depend on it: Scripts/check.sh.
        .target(name: "CFalconProcess", cSettings: strictC + commit),

        .target(name: "FalconDigest", swiftSettings: strict + optimizedSwift),

        library("FalconJSON", []),
        library("FalconTOML", []),

        // Layer 1
        library("FalconTensor", ["CFalconKernels", "COpenBLAS"]),
        library("FalconPictures", []),
        library("FalconTemplates", ["FalconJSON"]),

        // Layer 2
        library("FalconCluster", ["FalconTensor", .target(name: "CMPI", condition: .when(traits: ["MPI"]))]),
        library("FalconTokenizer", ["FalconTemplates", "FalconJSON", "FalconDigest"]),
        library("FalconAutograd", ["FalconTensor"]),
        library("FalconWeights", ["FalconTensor", "FalconJSON", "FalconDigest"]),
        library("FalconShards", ["FalconTensor", "FalconDigest", "CHDF5", "CZstd"]),

        // Layer 3
        library("FalconNN", ["FalconAutograd", "FalconWeights", "FalconTensor"]),
        library("FalconModels", ["FalconWeights", "FalconTokenizer", "FalconTensor", "FalconDigest"]),

        // Layer 4
        library(
            "FalconDraft",
            ["FalconModels", "FalconNN", "FalconAutograd", "FalconWeights", "FalconJSON", "FalconTensor"]),

        // Layer 5
        library(
            "FalconDecoding",
            [
                "FalconDraft", "FalconModels", "FalconShards", "FalconTokenizer", "FalconPictures", "FalconWeights",
                "FalconJSON", "FalconTensor", "FalconTOML",
            ]),

        // Layer 6: what uses layer 5; FalconInspection below is of it, too.
        library(
            "FalconDataGeneration",
            [
                "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards", "FalconTokenizer", "FalconJSON",
                "FalconTensor", "FalconDigest",
            ]),

        library(
            "FalconTraining",
            [
                "FalconDecoding", "FalconDraft", "FalconModels", "FalconNN", "FalconShards", "FalconWeights",
                "FalconTokenizer", "FalconPictures", "FalconAutograd", "FalconCluster", "FalconTensor", "FalconDigest",
                "FalconJSON", "FalconTOML",
            ]),

        // Layer 7: the front door, for other packages; layer 8: the server on it, without its network.
        library(
            "Falcon",
            [
                "FalconDataGeneration", "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels",
                "FalconTokenizer", "FalconJSON", "FalconTensor",
            ]),
        library("FalconServer", ["Falcon", "FalconTokenizer", "FalconJSON"]),

        // Layer 9: commands, and, in layer 8, what they share: progress, errors, signals.
        .target(
            name: "FalconCommandSupport",
            dependencies: [
                "FalconTokenizer", "FalconCluster", "FalconTensor", "CFalconProcess",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        command(
            "falcon-gen-data",
            [
                "FalconDataGeneration", "FalconDecoding", "FalconShards", "FalconTokenizer", "FalconCluster",
                "FalconTensor",
            ]),
        command("falcon-train", ["FalconTraining", "FalconDataGeneration", "FalconCluster", "FalconTensor"]),
        command(
            "falcon-export",
            [
                "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards", "FalconWeights",
                "FalconJSON", "FalconTensor",
            ]),
        command(
            "falcon-infer",
            ["FalconDecoding", "FalconDraft", "FalconModels", "FalconShards", "FalconTokenizer", "FalconTensor"]),

        library(
            "FalconBenchmark",
            ["FalconTraining", "FalconShards", "FalconDraft", "FalconModels", "FalconWeights", "FalconTensor"]),
        // Heads against each other: training them by a plan, decoding with all of them, the report.
        library(
            "FalconComparison",
            [
                "FalconTraining", "FalconDataGeneration", "FalconDecoding", "FalconDraft", "FalconModels",
                "FalconTokenizer", "FalconPictures", "FalconJSON", "FalconTensor", "FalconDigest", "FalconTOML",
            ]),
        command(
            "falcon-bench",
            [
                "FalconBenchmark", "FalconComparison", "FalconTraining", "FalconDecoding", "FalconDraft",
                "FalconShards",
                "FalconTokenizer", "FalconTensor",
            ]),

        command(
            "falcon-serve",
            ["FalconServer", "Falcon", "FalconJSON", "FalconTensor", server("Hummingbird", "hummingbird")]),

        library(
            "FalconInspection",
            [
                "FalconDecoding", "FalconDraft", "FalconModels", "FalconNN", "FalconAutograd", "FalconShards",
                "FalconTokenizer", "FalconPictures", "FalconWeights", "FalconJSON", "FalconTOML", "FalconTensor",
            ]),
        command(
            "falcon-inspect",
            [
                "FalconInspection", "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards",
                "FalconTokenizer", "FalconPictures", "FalconWeights", "FalconJSON", "FalconTensor",
            ]),

        // For development: feeds hostile files to every reader (Scripts/verify/fuzz.sh), by libFuzzer where built so.
        .target(name: "CFuzzEngine"),
        library(
            "FalconFuzzing",
            [
                "FalconInspection", "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards",
                "FalconTemplates", "FalconTokenizer", "FalconWeights", "FalconJSON", "FalconTensor",
            ]),
        command("falcon-fuzz", ["FalconFuzzing", "FalconTensor", "CFuzzEngine"]),

        // Tests
        library("FalconTestSupport", ["FalconTensor", "FalconWeights", "FalconTOML"]),
        tests("FalconDigest", ["FalconDigest"]),
        tests("FalconJSON", ["FalconJSON"]),
        tests("FalconTOML", ["FalconTOML"]),
        tests("FalconTensor", ["FalconTensor", "CFalconKernels"]),
        tests("FalconTokenizer", ["FalconTokenizer", "FalconTemplates", "FalconJSON", "FalconTensor"]),
        tests("FalconPictures", ["FalconPictures"]),
        tests("FalconTemplates", ["FalconTemplates", "FalconJSON"]),
        tests("FalconCluster", ["FalconCluster", "FalconTensor"]),
        tests("FalconAutograd", ["FalconAutograd", "FalconTensor"]),
        tests("FalconWeights", ["FalconWeights", "FalconJSON", "FalconTensor"]),
        tests("FalconShards", ["FalconShards", "FalconTensor", "FalconDigest"]),
        tests("FalconNN", ["FalconNN", "FalconAutograd", "FalconWeights", "FalconTensor"]),
        tests("FalconModels", ["FalconModels", "FalconTokenizer", "FalconWeights", "FalconTensor"]),
        tests(
            "FalconDraft",
            [
                "FalconDraft", "FalconNN", "FalconAutograd", "FalconModels", "FalconWeights", "FalconJSON",
                "FalconTensor",
            ]),
        tests(
            "FalconDataGeneration",
            [
                "FalconDataGeneration", "FalconTraining", "FalconDecoding", "FalconDraft", "FalconNN", "FalconShards",
                "FalconModels", "FalconTokenizer", "FalconWeights", "FalconTensor",
            ]),
        tests(
            "FalconTraining",
            [
                "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards", "FalconTokenizer",
                "FalconJSON",
                "FalconNN", "FalconAutograd", "FalconCluster", "FalconWeights", "FalconTensor",
            ]),
        tests(
            "FalconDecoding",
            [
                "FalconDecoding", "FalconDraft", "FalconModels", "FalconNN", "FalconShards", "FalconTokenizer",
                "FalconPictures", "FalconWeights", "FalconTensor",
            ]),
        tests(
            "FalconInspection",
            [
                "FalconInspection", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards", "FalconTokenizer",
                "FalconPictures", "FalconWeights", "FalconJSON", "FalconTensor",
            ]),
        tests(
            "Falcon", ["Falcon", "FalconDecoding", "FalconDraft", "FalconModels", "FalconTokenizer", "FalconTensor"]),
        tests("FalconServer", ["FalconServer", "Falcon", "FalconTokenizer", "FalconJSON", "FalconTensor"]),
        tests("FalconBenchmark", ["FalconBenchmark", "FalconDraft", "FalconWeights"]),
        tests(
            "FalconComparison", ["FalconComparison", "FalconTraining", "FalconDecoding", "FalconJSON", "FalconTensor"]),
        tests("FalconFuzzing", ["FalconFuzzing", "FalconTensor"]),
        tests("FalconCommandSupport", ["FalconCommandSupport", "FalconTensor"]),
        tests("Command", ["FalconComparison", "FalconWeights", "FalconJSON", "FalconTensor"]),
        tests(
            "Fixture",
            [
                "FalconInspection", "FalconTraining", "FalconDecoding", "FalconDraft", "FalconModels", "FalconShards",
                "FalconNN", "FalconTemplates",
                "FalconAutograd", "FalconWeights", "FalconJSON", "FalconTensor",
            ]),
    ]
)
