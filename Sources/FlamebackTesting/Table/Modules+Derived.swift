import Flameback
import FlamebackCore

extension ModuleTable {
  /// Layers that learn their sizes, and layers whose weights are computed.
  static let derived: [String: Entry] = [
    "nn.LazyLinear": { c in
      BuiltModule(LazyLinear(try c.int(0, "out_features"), bias: try c.bool(1, "bias", default: true)))
    },
    "nn.SyncBatchNorm": { c in BuiltModule(SyncBatchNorm(try c.int(0, "num_features"))) },
    "nn.AdaptiveLogSoftmaxWithLoss": { c in
      let layer = AdaptiveLogSoftmaxWithLoss(
        try c.int(0, "in_features"), try c.int(1, "n_classes"), cutoffs: try c.ints(2, "cutoffs"),
        divValue: try c.double(3, "div_value", default: 4), headBias: try c.bool(4, "head_bias"))
      return BuiltModule(layer) { call in
        switch call.name {
        case "log_prob": return .tensor(layer.logProb(try call.tensor(0, "input")))
        case "predict": return .tensor(layer.predict(try call.tensor(0, "input")))
        default:
          let result = layer(try call.tensor(0, "input_"), try call.tensor(1, "target_"))
          return .tensors(result.output, result.loss)
        }
      }
    },
    "nn.utils.prune.l1_unstructured": { c in
      let built = try c.module(0, "module")
      Prune.l1Unstructured(try built.parameter(try c.string(1, "name")), amount: try c.amount(2))
      return built
    },
    "nn.utils.prune.ln_structured": { c in
      let built = try c.module(0, "module")
      Prune.lnStructured(
        try built.parameter(try c.string(1, "name")), amount: try c.amount(2), n: try c.double(3, "n"),
        dim: try c.int(4, "dim"))
      return built
    },
    "nn.utils.parametrizations.weight_norm": { c in
      let built = try c.module(0, "module")
      let dim = c.has(2, "dim") ? try c.optionalInt(2, "dim") : 0
      try built.parametrize(try c.string(1, "name", default: "weight")) { WeightNorm($0, dim: dim) }
      return built
    },
    "nn.utils.parametrizations.orthogonal": { c in
      let built = try c.module(0, "module")
      let name = try c.optionalString(2, "orthogonal_map")
      guard name == nil || OrthogonalWeight.Map(rawValue: name!) != nil else {
        throw CallError("orthogonal(): unknown map '\(name!)'")
      }
      let map = name.flatMap(OrthogonalWeight.Map.init)
      try built.parametrize(try c.string(1, "name", default: "weight")) { OrthogonalWeight($0, map: map) }
      return built
    },
    "nn.utils.weight_norm": { c in
      let built = try c.module(0, "module")
      let dim = c.has(2, "dim") ? try c.optionalInt(2, "dim") : 0
      try built.parametrize(try c.string(1, "name", default: "weight")) { InlineWeightNorm($0, dim: dim) }
      return built
    },
    "nn.utils.spectral_norm": { c in
      let built = try c.module(0, "module")
      let count = try c.int(2, "n_power_iterations", default: 1)
      let eps = try c.double(3, "eps", default: 1e-12)
      let dim = try c.int(4, "dim", default: 0)
      try built.parametrize(try c.string(1, "name", default: "weight")) {
        InlineSpectralNorm($0, nPowerIterations: count, eps: eps, dim: dim)
      }
      return built
    },
    "nn.utils.parametrizations.spectral_norm": { c in
      let built = try c.module(0, "module")
      let count = try c.int(2, "n_power_iterations", default: 1)
      let eps = try c.double(3, "eps", default: 1e-12)
      let dim = try c.int(4, "dim", default: 0)
      try built.parametrize(try c.string(1, "name", default: "weight")) {
        SpectralNorm($0, nPowerIterations: count, eps: eps, dim: dim)
      }
      return built
    },
    "nn.LazyConv1d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> LazyConv1d {
        LazyConv1d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: padding,
          dilation: try c.extent(4, "dilation", default: 1), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), paddingMode: try c.paddingMode(7))
      }
      switch c.isString(3, "padding") ? try c.string(3, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      default: return BuiltModule(try build(try c.ints(3, "padding", count: 1, default: 0)))
      }
    },
    "nn.LazyConvTranspose1d": { c in
      BuiltModule(
        LazyConvTranspose1d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: try c.extent(3, "padding", default: 0),
          outputPadding: try c.extent(4, "output_padding", default: 0), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), dilation: try c.extent(7, "dilation", default: 1)))
    },
    "nn.LazyBatchNorm1d": { c in
      BuiltModule(
        LazyBatchNorm1d(eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true)))
    },
    "nn.LazyInstanceNorm1d": { c in
      BuiltModule(
        LazyInstanceNorm1d(
          eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true),
          trackRunningStats: try c.bool(3, "track_running_stats", default: true)))
    },
    "nn.LazyConv2d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> LazyConv2d {
        LazyConv2d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: padding,
          dilation: try c.extent(4, "dilation", default: 1), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), paddingMode: try c.paddingMode(7))
      }
      switch c.isString(3, "padding") ? try c.string(3, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      default: return BuiltModule(try build(try c.ints(3, "padding", count: 2, default: 0)))
      }
    },
    "nn.LazyConvTranspose2d": { c in
      BuiltModule(
        LazyConvTranspose2d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: try c.extent(3, "padding", default: 0),
          outputPadding: try c.extent(4, "output_padding", default: 0), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), dilation: try c.extent(7, "dilation", default: 1)))
    },
    "nn.LazyBatchNorm2d": { c in
      BuiltModule(
        LazyBatchNorm2d(eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true)))
    },
    "nn.LazyInstanceNorm2d": { c in
      BuiltModule(
        LazyInstanceNorm2d(
          eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true),
          trackRunningStats: try c.bool(3, "track_running_stats", default: true)))
    },
    "nn.LazyConv3d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> LazyConv3d {
        LazyConv3d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: padding,
          dilation: try c.extent(4, "dilation", default: 1), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), paddingMode: try c.paddingMode(7))
      }
      switch c.isString(3, "padding") ? try c.string(3, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      default: return BuiltModule(try build(try c.ints(3, "padding", count: 3, default: 0)))
      }
    },
    "nn.LazyConvTranspose3d": { c in
      BuiltModule(
        LazyConvTranspose3d(
          try c.int(0, "out_channels"), kernelSize: try c.extent(1, "kernel_size"),
          stride: try c.extent(2, "stride", default: 1), padding: try c.extent(3, "padding", default: 0),
          outputPadding: try c.extent(4, "output_padding", default: 0), groups: try c.int(5, "groups", default: 1),
          bias: try c.bool(6, "bias", default: true), dilation: try c.extent(7, "dilation", default: 1)))
    },
    "nn.LazyBatchNorm3d": { c in
      BuiltModule(
        LazyBatchNorm3d(eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true)))
    },
    "nn.LazyInstanceNorm3d": { c in
      BuiltModule(
        LazyInstanceNorm3d(
          eps: try c.double(0, "eps", default: 1e-5), affine: try c.bool(2, "affine", default: true),
          trackRunningStats: try c.bool(3, "track_running_stats", default: true)))
    },
  ]
}

extension BuiltModule {
  /// Replaces a parameter of the module by one that is computed.
  fileprivate func parametrize(_ name: String, _ make: (Tensor) -> any Parametrization) throws {
    try parameter(name).parametrize(make)
  }

  fileprivate func parameter(_ name: String) throws -> ParameterCell {
    guard let cell = module.getParameter(name) else { throw CallError("there is no parameter '\(name)'") }
    return cell
  }
}

extension Call {
  fileprivate func amount(_ position: Int) throws -> Prune.Amount {
    isInt(position, "amount") ? .count(try int(position, "amount")) : .fraction(try double(position, "amount"))
  }
}
