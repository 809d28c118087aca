// swift-tools-version: 6.2
import PackageDescription

// A program of somebody else that uses Falcon. As it stands it takes this checkout; Scripts/examples.sh builds it as
// another package would, from a repository at a version.
let falcon: Package.Dependency =
    if let repository = Context.environment["FALCON_REPOSITORY"],
        let version = Context.environment["FALCON_VERSION"].flatMap(Version.init)
    {
        .package(url: repository, exact: version)
    } else {
        .package(name: "falcon", path: "..")
    }

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [falcon],
    targets: [
        .executableTarget(
            name: "Answer", dependencies: [.product(name: "Falcon", package: "falcon")],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
