// swift-tools-version: 6.2
import PackageDescription

// A package of its own: what benchmarks need never reaches users of Flameback.
let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "Flameback", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "flameback-bench",
      dependencies: [
        .product(name: "Flameback", package: "Flameback"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
