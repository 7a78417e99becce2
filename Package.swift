// swift-tools-version: 6.2
import PackageDescription

// Layers, lowest first; a target may import only what stands above it in its list of dependencies.
let package = Package(
  name: "Flameback",
  products: [
    .library(name: "Flameback", targets: ["Flameback"]),
    .library(name: "FlamebackONNX", targets: ["FlamebackONNX"]),
    .library(name: "FlamebackText", targets: ["FlamebackText"]),
    .library(name: "FlamebackTesting", targets: ["FlamebackTesting"]),
    .library(name: "FlamebackReference", targets: ["FlamebackReference"]),
    .executable(name: "flameback", targets: ["flameback"]),
    .executable(name: "conformance", targets: ["conformance"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(
      name: "CKernels",
      cxxSettings: [
        .headerSearchPath("."), .define("HWY_SHARED_DEFINE"),
        // SSSE3, SSE4 and AVX3_DL add build time and no speed over SSE2, AVX2 and AVX3.
        .define("HWY_DISABLED_TARGETS", to: "(HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL)"),
      ],
      linkerSettings: [
        .linkedLibrary("sleef"), .linkedLibrary("dnnl"), .linkedLibrary("openblas"),
        .linkedLibrary("lapacke"), .linkedLibrary("gomp"),
      ]),
    .target(name: "FlamebackKernels", dependencies: ["CKernels"]),
    .target(name: "FlamebackCore", dependencies: ["FlamebackKernels"]),
    .target(name: "FlamebackOps", dependencies: ["FlamebackCore"]),
    .target(name: "FlamebackDistributions", dependencies: ["FlamebackOps"]),
    .target(name: "FlamebackMetrics", dependencies: ["FlamebackOps"]),
    .target(name: "FlamebackNN", dependencies: ["FlamebackOps"]),
    .target(name: "FlamebackOptim", dependencies: ["FlamebackNN"]),
    .target(name: "FlamebackData", dependencies: ["FlamebackOps"]),
    .target(
      name: "CImageFormats", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("z"), .linkedLibrary("deflate")]),
    .target(name: "CCurl"),
    .target(name: "CText", linkerSettings: [.linkedLibrary("onig"), .linkedLibrary("utf8proc")]),
    .target(name: "FlamebackFiles", dependencies: ["CImageFormats", "CCurl", "FlamebackKernels"]),
    .target(name: "FlamebackIO", dependencies: ["FlamebackNN", "FlamebackFiles"]),
    .target(
      name: "Flameback",
      dependencies: [
        "FlamebackKernels", "FlamebackCore", "FlamebackOps", "FlamebackDistributions", "FlamebackNN", "FlamebackOptim",
        "FlamebackData", "FlamebackIO", "FlamebackMetrics",
      ]),
    .target(
      name: "FlamebackVision", dependencies: ["Flameback", "FlamebackFiles"],
      exclude: ["Resources/digits/LICENSE", "Resources/digits/SOURCE.md"],
      // Not copied: SwiftPM finds copied files by Foundation's Bundle.
      resources: [.embedInCode("Resources/digits/digits.csv.gz")]),
    .target(name: "FlamebackAudio", dependencies: ["Flameback"]),
    .target(name: "FlamebackONNX", dependencies: ["Flameback", "FlamebackFiles"]),
    .target(name: "FlamebackText", dependencies: ["Flameback", "FlamebackFiles", "CText"]),
    .target(name: "FlamebackReference", dependencies: ["FlamebackOps"]),
    .target(
      name: "FlamebackTesting",
      dependencies: ["Flameback", "FlamebackReference", "FlamebackVision", "FlamebackAudio", "FlamebackFiles"]),
    .executableTarget(
      name: "flameback",
      dependencies: [
        "Flameback", "FlamebackONNX", "FlamebackVision", "FlamebackText", "FlamebackFiles",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "conformance", dependencies: ["FlamebackTesting", "FlamebackONNX"]),
    .testTarget(name: "ToolTests", dependencies: ["flameback", "Flameback", "FlamebackFiles"]),
    .testTarget(name: "FlamebackKernelsTests", dependencies: ["FlamebackKernels", "CKernels"]),
    .testTarget(
      name: "FlamebackCoreTests",
      dependencies: ["Flameback", "FlamebackReference", "FlamebackTesting", "FlamebackVision"]),
    .testTarget(name: "FlamebackDistributionsTests", dependencies: ["Flameback"]),
    .testTarget(name: "FlamebackMetricsTests", dependencies: ["Flameback"]),
    .testTarget(name: "FlamebackNNTests", dependencies: ["Flameback", "FlamebackReference"]),
    .testTarget(name: "FlamebackOpsTests", dependencies: ["FlamebackTesting"]),
    .testTarget(name: "FlamebackTestingTests", dependencies: ["FlamebackTesting", "conformance"]),
    .testTarget(name: "FlamebackVisionTests", dependencies: ["Flameback", "FlamebackVision", "FlamebackTesting"]),
    .testTarget(
      name: "FlamebackONNXTests", dependencies: ["FlamebackONNX", "Flameback", "FlamebackFiles", "FlamebackVision"],
      exclude: ["Fixtures"]),
    .testTarget(name: "FlamebackFilesTests", dependencies: ["FlamebackFiles"], exclude: ["Fixtures"]),
    .testTarget(name: "FlamebackIOTests", dependencies: ["Flameback", "FlamebackFiles"], exclude: ["Fixtures"]),
    .testTarget(name: "FlamebackTextTests", dependencies: ["FlamebackText", "FlamebackFiles"], exclude: ["Fixtures"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
