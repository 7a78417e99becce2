import Flameback
import FlamebackCore

extension ModuleTable {
  static let resizing: [String: Entry] = [
    "nn.PixelShuffle": { c in BuiltModule(PixelShuffle(try c.int(0, "upscale_factor"))) },
    "nn.PixelUnshuffle": { c in BuiltModule(PixelUnshuffle(try c.int(0, "downscale_factor"))) },
    "nn.ChannelShuffle": { c in BuiltModule(ChannelShuffle(try c.int(0, "groups"))) },
    "nn.Upsample": { c in
      guard let mode = InterpolationMode(rawValue: try c.string(2, "mode", default: "nearest")) else {
        throw CallError("unknown mode")
      }
      return BuiltModule(
        Upsample(
          size: try c.optionalExtent(0, "size"), scaleFactor: try c.optionalDoubles(1, "scale_factor"), mode: mode,
          alignCorners: try c.optionalBool(3, "align_corners"),
          recomputeScaleFactor: try c.bool(4, "recompute_scale_factor")))
    },
    "nn.UpsamplingNearest2d": { c in
      BuiltModule(
        UpsamplingNearest2d(
          size: try c.optionalExtent(0, "size"), scaleFactor: try c.optionalDoubles(1, "scale_factor")))
    },
    "nn.UpsamplingBilinear2d": { c in
      BuiltModule(
        UpsamplingBilinear2d(
          size: try c.optionalExtent(0, "size"), scaleFactor: try c.optionalDoubles(1, "scale_factor")))
    },
    "nn.Unfold": { c in
      BuiltModule(
        Unfold(
          try c.extent(0, "kernel_size"), dilation: try c.extent(1, "dilation", default: 1),
          padding: try c.extent(2, "padding", default: 0), stride: try c.extent(3, "stride", default: 1)))
    },
    "nn.Fold": { c in
      BuiltModule(
        Fold(
          try c.extent(0, "output_size"), try c.extent(1, "kernel_size"),
          dilation: try c.extent(2, "dilation", default: 1), padding: try c.extent(3, "padding", default: 0),
          stride: try c.extent(4, "stride", default: 1)))
    },
    "nn.CosineSimilarity": { c in
      let layer = CosineSimilarity(dim: try c.int(0, "dim", default: 1), eps: try c.double(1, "eps", default: 1e-8))
      return BuiltModule(layer) { .tensor(layer(try $0.tensor(0, "x1"), try $0.tensor(1, "x2"))) }
    },
    "nn.PairwiseDistance": { c in
      let layer = PairwiseDistance(
        p: try c.double(0, "p", default: 2), eps: try c.double(1, "eps", default: 1e-6),
        keepDim: try c.bool(2, "keepdim"))
      return BuiltModule(layer) { .tensor(layer(try $0.tensor(0, "x1"), try $0.tensor(1, "x2"))) }
    },
    "nn.Dropout": dropout { Dropout($0) },
    "nn.Dropout1d": dropout { Dropout1d($0) },
    "nn.Dropout2d": dropout { Dropout2d($0) },
    "nn.Dropout3d": dropout { Dropout3d($0) },
    "nn.AlphaDropout": dropout { AlphaDropout($0) },
    "nn.FeatureAlphaDropout": dropout { FeatureAlphaDropout($0) },
    "nn.RReLU": { c in
      c.ignore("inplace")
      return BuiltModule(RReLU(try c.double(0, "lower", default: 1.0 / 8), try c.double(1, "upper", default: 1.0 / 3)))
    },
  ]

  private static func dropout(_ make: @escaping @Sendable (Double) -> any UnaryLayer) -> Entry {
    { call in
      _ = try call.optionalBool(1, "inplace")
      return BuiltModule(make(try call.double(0, "p", default: 0.5)))
    }
  }
}
