import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let resampling: [String: Entry] = [
    "nn.functional.pad": { call in
      let name = try call.string(2, "mode", default: "constant")
      guard let mode = PadMode(rawValue: name) else { throw CallError("pad(): unknown mode '\(name)'") }
      return .tensor(
        try call.tensor(0, "input").pad(
          try call.ints(1, "pad"), mode: mode, value: try call.scalar(3, "value", default: 0)))
    },
    "nn.functional.pixel_shuffle": { call in
      .tensor(try call.tensor(0, "input").pixelShuffle(try call.int(1, "upscale_factor")))
    },
    "nn.functional.pixel_unshuffle": { call in
      .tensor(try call.tensor(0, "input").pixelUnshuffle(try call.int(1, "downscale_factor")))
    },
    "nn.functional.channel_shuffle": { call in
      .tensor(try call.tensor(0, "input").channelShuffle(try call.int(1, "groups")))
    },
    "nn.functional.unfold": { call in
      .tensor(
        try call.tensor(0, "input").unfold(
          kernelSize: try call.ints(1, "kernel_size"), dilation: try call.ints(2, "dilation", default: [1]),
          padding: try call.ints(3, "padding", default: [0]), stride: try call.ints(4, "stride", default: [1])))
    },
    "nn.functional.fold": { call in
      .tensor(
        try call.tensor(0, "input").fold(
          outputSize: try call.ints(1, "output_size"), kernelSize: try call.ints(2, "kernel_size"),
          dilation: try call.ints(3, "dilation", default: [1]), padding: try call.ints(4, "padding", default: [0]),
          stride: try call.ints(5, "stride", default: [1])))
    },
    "nn.functional.interpolate": { call in
      .tensor(
        try call.tensor(0, "input").interpolate(
          size: try call.optionalInts(1, "size"), scaleFactor: try call.optionalDoubles(2, "scale_factor"),
          mode: try interpolationMode(call, 3), alignCorners: try call.optionalBool(4, "align_corners"),
          recomputeScaleFactor: try call.bool(5, "recompute_scale_factor"),
          antialias: try call.bool(6, "antialias")))
    },
    "nn.functional.upsample": { call in
      .tensor(
        try call.tensor(0, "input").upsample(
          size: try call.optionalInts(1, "size"), scaleFactor: try call.optionalDoubles(2, "scale_factor"),
          mode: try interpolationMode(call, 3), alignCorners: try call.optionalBool(4, "align_corners")))
    },
    "nn.functional.upsample_nearest": { call in
      .tensor(
        try call.tensor(0, "input").upsampleNearest(
          size: try call.optionalInts(1, "size"), scaleFactor: try call.optionalDoubles(2, "scale_factor")))
    },
    "nn.functional.upsample_bilinear": { call in
      .tensor(
        try call.tensor(0, "input").upsampleBilinear(
          size: try call.optionalInts(1, "size"), scaleFactor: try call.optionalDoubles(2, "scale_factor")))
    },
    "nn.functional.grid_sample": { call in
      let mode = try call.string(2, "mode", default: "bilinear")
      let padding = try call.string(3, "padding_mode", default: "zeros")
      guard let mode = GridSampleMode(rawValue: mode), let padding = GridPaddingMode(rawValue: padding) else {
        throw CallError("grid_sample(): unknown mode '\(mode)' or padding '\(padding)'")
      }
      return .tensor(
        try call.tensor(0, "input").gridSample(
          try call.tensor(1, "grid"), mode: mode, paddingMode: padding,
          alignCorners: try call.bool(4, "align_corners")))
    },
    "nn.functional.affine_grid": { call in
      .tensor(
        try call.tensor(0, "theta").affineGrid(
          try call.ints(1, "size"), alignCorners: try call.bool(2, "align_corners")))
    },
    "nn.functional.fractional_max_pool2d": fractional(returnsIndices: false) {
      $0.fractionalMaxPool2d($1, outputSize: $2, outputRatio: $3, randomSamples: $4, generator: $5)
    },
    "nn.functional.fractional_max_pool2d_with_indices": fractional(returnsIndices: true) {
      $0.fractionalMaxPool2d($1, outputSize: $2, outputRatio: $3, randomSamples: $4, generator: $5)
    },
    "nn.functional.fractional_max_pool3d": fractional(returnsIndices: false) {
      $0.fractionalMaxPool3d($1, outputSize: $2, outputRatio: $3, randomSamples: $4, generator: $5)
    },
    "nn.functional.fractional_max_pool3d_with_indices": fractional(returnsIndices: true) {
      $0.fractionalMaxPool3d($1, outputSize: $2, outputRatio: $3, randomSamples: $4, generator: $5)
    },
  ]

  private static func interpolationMode(_ call: Call, _ position: Int) throws -> InterpolationMode {
    let name = try call.string(position, "mode", default: "nearest")
    guard let mode = InterpolationMode(rawValue: name) else {
      throw CallError("\(call.name)(): unknown mode '\(name)'")
    }
    return mode
  }

  /// PyTorch's test suite seeds these operators with 42.
  private static func fractional(
    returnsIndices: Bool,
    _ body:
      @escaping @Sendable (Tensor, [Int], [Int]?, [Double]?, Tensor?, Generator) -> (
        output: Tensor, indices: Tensor
      )
  ) -> Entry {
    { call in
      let result = body(
        try call.tensor(0, "input"), try call.ints(1, "kernel_size"), try call.optionalInts(2, "output_size"),
        try call.optionalDoubles(3, "output_ratio"), try call.optionalTensor(5, "_random_samples"),
        Generator(seed: 42))
      let asked = try call.bool(4, "return_indices")
      return asked || returnsIndices ? tuple(result) : .tensor(result.output)
    }
  }
}
