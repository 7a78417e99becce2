// swift-tools-version: 6.2
import PackageDescription

// A package of its own that depends on Flameback, as yours would.
let package = Package(
  name: "Circle",
  dependencies: [.package(name: "Flameback", path: "../..")],
  targets: [.executableTarget(name: "Circle", dependencies: [.product(name: "Flameback", package: "Flameback")])]
)
