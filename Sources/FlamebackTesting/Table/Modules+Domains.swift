import Flameback
import FlamebackCore
import FlamebackVision

extension ModuleTable {
  static let domains: [String: Entry] = vision

  private static let vision: [String: Entry] = [
    "torchvision.ops.FrozenBatchNorm2d": { c in
      BuiltModule(FrozenBatchNorm2d(try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5)))
    },
    "torchvision.ops.Conv2dNormActivation": { c in
      let isBare = try c.given(7, "activation_layer").map(\.isNone) ?? false
      c.ignore("inplace")
      return BuiltModule(
        convNormActivation(
          try c.int(0, "in_channels"), try c.int(1, "out_channels"),
          kernelSize: try c.int(2, "kernel_size", default: 3),
          stride: try c.int(3, "stride", default: 1), groups: try c.int(5, "groups", default: 1),
          dilation: try c.int(8, "dilation", default: 1), activation: isBare ? nil : ReLU()))
    },
    "torchvision.ops.SqueezeExcitation": { c in
      BuiltModule(SqueezeExcitation(try c.int(0, "input_channels"), try c.int(1, "squeeze_channels")))
    },
    "torchvision.ops.MLP": { c in
      BuiltModule(
        mlp(
          try c.int(0, "in_channels"), try c.ints(1, "hidden_channels"), bias: try c.bool(5, "bias", default: true),
          dropout: try c.double(6, "dropout", default: 0)))
    },
    "torchvision.ops.Permute": { c in BuiltModule(Permute(try c.ints(0, "dims"))) },
    "torchvision.ops.StochasticDepth": { c in
      guard let mode = StochasticDepthMode(rawValue: try c.string(1, "mode")) else { throw CallError("unknown mode") }
      return BuiltModule(StochasticDepth(try c.double(0, "p"), mode: mode))
    },
  ]
}
