// swift-tools-version: 6.2
import PackageDescription

// Every dependency earns its build time (docs/design/0010-configuration-and-dependencies.md):
let dependencies: [Package.Dependency] = [
    // The wire: event loops, HTTP/1.1 codec, sockets.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    // TLS on the S3 port and behind CONNECT.
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    // HMAC, SHA-2, MD5, P-256 (SigV4, SigV4A, ETags).
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    // The name-constrained local CA and the leaves it mints.
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    // The command line.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Structured logs.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
]

func nio(_ names: String...) -> [Target.Dependency] { names.map { .product(name: $0, package: "swift-nio") } }
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

// Layers: imports only go down (ARCHITECTURE.md; Tests/TidyTests checks it).
let sources: [Target] = [
    // L0: leaves
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CChecksums"),
    .target(name: "Environment"),
    .target(name: "SQLite", dependencies: ["CSQLite"]),
    .target(name: "S3Model", dependencies: ["CChecksums", crypto]),
    .target(name: "SigV4", dependencies: ["S3Model", crypto] + nio("NIOCore")),
    .target(name: "Telemetry", dependencies: [logging]),
    // L1
    .target(name: "Policy", dependencies: ["S3Model"]),
    .target(
        name: "Storage",
        dependencies: ["S3Model", "Environment", "SQLite", "CChecksums", crypto, logging] + nio("NIOCore", "NIOPosix")),
    .target(
        name: "Cluster",
        dependencies: ["S3Model", "Environment", "SQLite", "Storage", logging] + nio("NIOCore", "NIOPosix")),
    // L2
    .target(name: "AccessPoints", dependencies: ["S3Model", "Environment", "Cluster", logging]),
    .target(
        name: "Replication",
        dependencies: ["S3Model", "Environment", "Storage", "Cluster", "Telemetry", logging] + nio("NIOCore")),
    // L3
    .target(
        name: "Gateway",
        dependencies: [
            "S3Model", "Environment", "SigV4", "Policy", "Storage", "Cluster", "AccessPoints", "Replication",
            "Telemetry", crypto,
            logging, .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ] + nio("NIOCore", "NIOPosix", "NIOHTTP1", "NIOTLS", "NIOConcurrencyHelpers")),
    .target(
        name: "Console",
        dependencies: [
            "S3Model", "Environment", "Storage", "Cluster", "AccessPoints", "Replication", "Telemetry", "Gateway",
            logging,
        ] + nio("NIOCore", "NIOHTTP1")),
    // L4
    .executableTarget(
        name: "meridian",
        dependencies: [
            "Gateway", "Console", "Environment", "SQLite", "Storage", "Cluster", "AccessPoints", "Replication",
            "S3Model",
            "SigV4", "Policy", "Telemetry", crypto, logging,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ] + nio("NIOCore", "NIOPosix", "NIOHTTP1")),
]

let tests: [Target] = [
    .testTarget(name: "EnvironmentTests", dependencies: ["Environment"]),
    .testTarget(name: "SQLiteTests", dependencies: ["SQLite"]),
    .testTarget(name: "S3ModelTests", dependencies: ["S3Model", "CChecksums"]),
    .testTarget(
        name: "SigV4Tests", dependencies: ["SigV4", "S3Model", crypto] + nio("NIOCore"), resources: [.copy("Vectors")]),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"]),
    .testTarget(name: "PolicyTests", dependencies: ["Policy"]),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "Environment"] + nio("NIOCore")),
    .testTarget(
        name: "ClusterTests",
        dependencies: ["Cluster", "S3Model", "Storage", "SQLite", "Environment"] + nio("NIOCore")),
    .testTarget(name: "AccessPointsTests", dependencies: ["AccessPoints", "Cluster", "S3Model", "Environment"]),
    .testTarget(name: "ReplicationTests", dependencies: ["Replication", "Environment"] + nio("NIOCore")),
    .testTarget(
        name: "GatewayTests", dependencies: ["Gateway"] + nio("NIOCore", "NIOPosix", "NIOHTTP1", "NIOEmbedded")),
    .testTarget(name: "ConsoleTests", dependencies: ["Console"]),
    .testTarget(name: "meridianTests", dependencies: ["meridian"]),
    // The seeded world: production replication, conflict order and routing over in-memory stores and links.
    .testTarget(
        name: "Simulation", dependencies: ["Replication", "AccessPoints", "Storage", "Cluster", "Environment"],
        path: "Tests/Simulation"),
    // What a machine can check of the house rules.
    .testTarget(name: "TidyTests"),
]

for target in sources + tests where target.type != .system && target.name != "CChecksums" {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
        .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    ]
}

let package = Package(
    name: "meridian", platforms: [.macOS(.v15)], dependencies: dependencies, targets: sources + tests)
