import Flameback
import FlamebackCore

extension ModuleTable {
  static let normalization: [String: Entry] = [
    "nn.LayerNorm": { c in
      BuiltModule(
        LayerNorm(
          try c.ints(0, "normalized_shape"), eps: try c.double(1, "eps", default: 1e-5),
          elementwiseAffine: try c.bool(2, "elementwise_affine", default: true),
          bias: try c.bool(3, "bias", default: true)))
    },
    "nn.RMSNorm": { c in
      BuiltModule(
        RMSNorm(
          try c.ints(0, "normalized_shape"), eps: try c.optionalDouble(1, "eps"),
          elementwiseAffine: try c.bool(2, "elementwise_affine", default: true)))
    },
    "nn.GroupNorm": { c in
      BuiltModule(
        GroupNorm(
          try c.int(0, "num_groups"), try c.int(1, "num_channels"), eps: try c.double(2, "eps", default: 1e-5),
          affine: try c.bool(3, "affine", default: true), bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.LocalResponseNorm": { c in
      BuiltModule(
        LocalResponseNorm(
          try c.int(0, "size"), alpha: try c.double(1, "alpha", default: 1e-4),
          beta: try c.double(2, "beta", default: 0.75), k: try c.double(3, "k", default: 1)))
    },
    "nn.BatchNorm1d": { c in
      BuiltModule(
        BatchNorm1d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine", default: true),
          trackRunningStats: try c.bool(4, "track_running_stats", default: true),
          bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.InstanceNorm1d": { c in
      BuiltModule(
        InstanceNorm1d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine"), trackRunningStats: try c.bool(4, "track_running_stats"),
          bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.BatchNorm2d": { c in
      BuiltModule(
        BatchNorm2d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine", default: true),
          trackRunningStats: try c.bool(4, "track_running_stats", default: true),
          bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.InstanceNorm2d": { c in
      BuiltModule(
        InstanceNorm2d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine"), trackRunningStats: try c.bool(4, "track_running_stats"),
          bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.BatchNorm3d": { c in
      BuiltModule(
        BatchNorm3d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine", default: true),
          trackRunningStats: try c.bool(4, "track_running_stats", default: true),
          bias: try c.bool(nil, "bias", default: true)))
    },
    "nn.InstanceNorm3d": { c in
      BuiltModule(
        InstanceNorm3d(
          try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5), momentum: try c.momentum(),
          affine: try c.bool(3, "affine"), trackRunningStats: try c.bool(4, "track_running_stats"),
          bias: try c.bool(nil, "bias", default: true)))
    },
  ]
}

extension Call {
  /// 0.1 unless given; None stands for equal weights.
  fileprivate func momentum() throws -> Double? {
    has(2, "momentum") ? try optionalDouble(2, "momentum") : 0.1
  }
}
