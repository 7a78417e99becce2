@_exported import FlamebackCore
@_exported import FlamebackData
@_exported import FlamebackDistributions
@_exported import FlamebackIO
@_exported import FlamebackKernels
@_exported import FlamebackMetrics
@_exported import FlamebackNN
@_exported import FlamebackOps
@_exported import FlamebackOptim

/// The version of Flameback. SeeAlso: torch.__version__
public let flamebackVersion = "0.1.0"
