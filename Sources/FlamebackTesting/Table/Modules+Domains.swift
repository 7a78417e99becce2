import Flameback
import FlamebackCore
import FlamebackVision

extension ModuleTable {
  static let domains: [String: Entry] = vision

  private static let vision: [String: Entry] = [
    "torchvision.ops.FrozenBatchNorm2d": { c in
      BuiltModule(FrozenBatchNorm2d(try c.int(0, "num_features"), eps: try c.double(1, "eps", default: 1e-5)))
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
