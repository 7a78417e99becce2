import Flameback
import FlamebackCore

extension ModuleTable {
  static let pooling: [String: Entry] = [
    "nn.FractionalMaxPool2d": { c in
      let layer = FractionalMaxPool2d(
        try c.extent(0, "kernel_size"), outputSize: try c.optionalExtent(1, "output_size"),
        outputRatio: try c.optionalDoubles(2, "output_ratio"),
        randomSamples: try c.optionalTensor(4, "_random_samples"))
      return try c.withIndices(3, layer) { layer.withIndices($0) }
    },
    "nn.FractionalMaxPool3d": { c in
      let layer = FractionalMaxPool3d(
        try c.extent(0, "kernel_size"), outputSize: try c.optionalExtent(1, "output_size"),
        outputRatio: try c.optionalDoubles(2, "output_ratio"),
        randomSamples: try c.optionalTensor(4, "_random_samples"))
      return try c.withIndices(3, layer) { layer.withIndices($0) }
    },
    "nn.MaxPool1d": { c in
      let layer = MaxPool1d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0), dilation: try c.extent(3, "dilation", default: 1),
        ceilMode: try c.bool(5, "ceil_mode"))
      return try c.withIndices(4, layer) { layer.withIndices($0) }
    },
    "nn.AvgPool1d": { c in
      BuiltModule(
        AvgPool1d(
          try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
          padding: try c.extent(2, "padding", default: 0), ceilMode: try c.bool(3, "ceil_mode"),
          countIncludePad: try c.bool(4, "count_include_pad", default: true)))
    },
    "nn.AdaptiveAvgPool1d": { c in BuiltModule(AdaptiveAvgPool1d(try c.outputSize(1))) },
    "nn.AdaptiveMaxPool1d": { c in
      let layer = AdaptiveMaxPool1d(try c.outputSize(1))
      return try c.withIndices(1, layer) { layer.withIndices($0) }
    },
    "nn.LPPool1d": { c in
      BuiltModule(
        LPPool1d(
          try c.double(0, "norm_type"), try c.extent(1, "kernel_size"), stride: try c.optionalExtent(2, "stride"),
          ceilMode: try c.bool(3, "ceil_mode")))
    },
    "nn.MaxUnpool1d": { c in
      let layer = MaxUnpool1d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0))
      return BuiltModule(layer) { call in
        .tensor(
          layer(
            try call.tensor(0, "input"), try call.tensor(1, "indices"),
            outputSize: try call.optionalInts(2, "output_size")))
      }
    },
    "nn.MaxPool2d": { c in
      let layer = MaxPool2d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0), dilation: try c.extent(3, "dilation", default: 1),
        ceilMode: try c.bool(5, "ceil_mode"))
      return try c.withIndices(4, layer) { layer.withIndices($0) }
    },
    "nn.AvgPool2d": { c in
      BuiltModule(
        AvgPool2d(
          try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
          padding: try c.extent(2, "padding", default: 0), ceilMode: try c.bool(3, "ceil_mode"),
          countIncludePad: try c.bool(4, "count_include_pad", default: true),
          divisorOverride: try c.optionalInt(5, "divisor_override")))
    },
    "nn.AdaptiveAvgPool2d": { c in BuiltModule(AdaptiveAvgPool2d(try c.outputSize(2))) },
    "nn.AdaptiveMaxPool2d": { c in
      let layer = AdaptiveMaxPool2d(try c.outputSize(2))
      return try c.withIndices(1, layer) { layer.withIndices($0) }
    },
    "nn.LPPool2d": { c in
      BuiltModule(
        LPPool2d(
          try c.double(0, "norm_type"), try c.extent(1, "kernel_size"), stride: try c.optionalExtent(2, "stride"),
          ceilMode: try c.bool(3, "ceil_mode")))
    },
    "nn.MaxUnpool2d": { c in
      let layer = MaxUnpool2d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0))
      return BuiltModule(layer) { call in
        .tensor(
          layer(
            try call.tensor(0, "input"), try call.tensor(1, "indices"),
            outputSize: try call.optionalInts(2, "output_size")))
      }
    },
    "nn.MaxPool3d": { c in
      let layer = MaxPool3d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0), dilation: try c.extent(3, "dilation", default: 1),
        ceilMode: try c.bool(5, "ceil_mode"))
      return try c.withIndices(4, layer) { layer.withIndices($0) }
    },
    "nn.AvgPool3d": { c in
      BuiltModule(
        AvgPool3d(
          try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
          padding: try c.extent(2, "padding", default: 0), ceilMode: try c.bool(3, "ceil_mode"),
          countIncludePad: try c.bool(4, "count_include_pad", default: true),
          divisorOverride: try c.optionalInt(5, "divisor_override")))
    },
    "nn.AdaptiveAvgPool3d": { c in BuiltModule(AdaptiveAvgPool3d(try c.outputSize(3))) },
    "nn.AdaptiveMaxPool3d": { c in
      let layer = AdaptiveMaxPool3d(try c.outputSize(3))
      return try c.withIndices(1, layer) { layer.withIndices($0) }
    },
    "nn.LPPool3d": { c in
      BuiltModule(
        LPPool3d(
          try c.double(0, "norm_type"), try c.extent(1, "kernel_size"), stride: try c.optionalExtent(2, "stride"),
          ceilMode: try c.bool(3, "ceil_mode")))
    },
    "nn.MaxUnpool3d": { c in
      let layer = MaxUnpool3d(
        try c.extent(0, "kernel_size"), stride: try c.optionalExtent(1, "stride"),
        padding: try c.extent(2, "padding", default: 0))
      return BuiltModule(layer) { call in
        .tensor(
          layer(
            try call.tensor(0, "input"), try call.tensor(1, "indices"),
            outputSize: try call.optionalInts(2, "output_size")))
      }
    },
  ]
}

extension Call {
  /// Sizes of which some may be None; one stands for all.
  fileprivate func outputSize(_ dims: Int) throws -> [Int?] {
    guard let items = try given(0, "output_size") else { throw CallError("missing output_size") }
    let sizes = try (items.items ?? [items]).map { item -> Int? in
      switch item {
      case .none: return nil
      case .int(let size): return size
      default: throw CallError("an output size cannot be \(item.kind)")
      }
    }
    return sizes.count == 1 ? Array(repeating: sizes[0], count: dims) : sizes
  }

  /// A pooling that gives its indices back if `return_indices` is set.
  fileprivate func withIndices(
    _ position: Int, _ layer: any UnaryLayer, _ run: @escaping (Tensor) -> (output: Tensor, indices: Tensor)
  ) throws -> BuiltModule {
    guard try bool(position, "return_indices") else { return BuiltModule(layer) }
    return BuiltModule(layer) { call in
      let result = run(try call.tensor(0, "input"))
      return .tensors(result.output, result.indices)
    }
  }
}
