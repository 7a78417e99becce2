import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let spatial: [String: Entry] = [convolutions, pooling, resampling].reduce(into: [:]) {
    $0.merge($1) { first, _ in first }
  }

  private static let convolutions: [String: Entry] = [
    "nn.functional.conv1d": convolution { $0.conv1d($1, $2, stride: $3, padding: $4, dilation: $5, groups: $6) },
    "nn.functional.conv2d": convolution { $0.conv2d($1, $2, stride: $3, padding: $4, dilation: $5, groups: $6) },
    "nn.functional.conv3d": convolution { $0.conv3d($1, $2, stride: $3, padding: $4, dilation: $5, groups: $6) },
    "nn.functional.conv_transpose1d": transposed {
      $0.convTranspose1d($1, $2, stride: $3, padding: $4, outputPadding: $5, groups: $6, dilation: $7)
    },
    "nn.functional.conv_transpose2d": transposed {
      $0.convTranspose2d($1, $2, stride: $3, padding: $4, outputPadding: $5, groups: $6, dilation: $7)
    },
    "nn.functional.conv_transpose3d": transposed {
      $0.convTranspose3d($1, $2, stride: $3, padding: $4, outputPadding: $5, groups: $6, dilation: $7)
    },
  ]

  private static func convolution(
    _ body: @escaping @Sendable (Tensor, Tensor, Tensor?, [Int], any ConvolutionPadding, [Int], Int) -> Tensor
  ) -> Entry {
    { call in
      let padding: any ConvolutionPadding
      if call.isString(4, "padding") {
        let name = try call.string(4, "padding")
        guard ["same", "valid"].contains(name) else { throw CallError("\(call.name)(): invalid padding '\(name)'") }
        padding = name == "same" ? NamedPadding.same : NamedPadding.valid
      } else {
        padding = try call.ints(4, "padding", default: [0])
      }
      return .tensor(
        body(
          try call.tensor(0, "input"), try call.tensor(1, "weight"), try call.optionalTensor(2, "bias"),
          try call.ints(3, "stride", default: [1]), padding, try call.ints(5, "dilation", default: [1]),
          try call.int(6, "groups", default: 1)))
    }
  }

  private static func transposed(
    _ body: @escaping @Sendable (Tensor, Tensor, Tensor?, [Int], [Int], [Int], Int, [Int]) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.tensor(1, "weight"), try call.optionalTensor(2, "bias"),
          try call.ints(3, "stride", default: [1]), try call.ints(4, "padding", default: [0]),
          try call.ints(5, "output_padding", default: [0]), try call.int(6, "groups", default: 1),
          try call.ints(7, "dilation", default: [1])))
    }
  }

  private static let pooling: [String: Entry] = {
    var table: [String: Entry] = [
      "nn.functional.avg_pool1d": average {
        $0.avgPool1d($1, stride: $2, padding: $3, ceilMode: $4, countIncludePad: $5)
      },
      "nn.functional.avg_pool2d": averageOverride {
        $0.avgPool2d($1, stride: $2, padding: $3, ceilMode: $4, countIncludePad: $5, divisorOverride: $6)
      },
      "nn.functional.avg_pool3d": averageOverride {
        $0.avgPool3d($1, stride: $2, padding: $3, ceilMode: $4, countIncludePad: $5, divisorOverride: $6)
      },
      "nn.functional.lp_pool1d": lp { $0.lpPool1d(normType: $1, $2, stride: $3, ceilMode: $4) },
      "nn.functional.lp_pool2d": lp { $0.lpPool2d(normType: $1, $2, stride: $3, ceilMode: $4) },
      "nn.functional.lp_pool3d": lp { $0.lpPool3d(normType: $1, $2, stride: $3, ceilMode: $4) },
      "nn.functional.adaptive_avg_pool1d": adaptive { $0.adaptiveAvgPool1d($1) },
      "nn.functional.adaptive_avg_pool2d": adaptive { $0.adaptiveAvgPool2d($1) },
      "nn.functional.adaptive_avg_pool3d": adaptive { $0.adaptiveAvgPool3d($1) },
      "nn.functional.max_unpool1d": unpool { $0.maxUnpool1d($1, $2, stride: $3, padding: $4, outputSize: $5) },
      "nn.functional.max_unpool2d": unpool { $0.maxUnpool2d($1, $2, stride: $3, padding: $4, outputSize: $5) },
      "nn.functional.max_unpool3d": unpool { $0.maxUnpool3d($1, $2, stride: $3, padding: $4, outputSize: $5) },
    ]
    maximum(&table, "1d") {
      let a = $0, w = $1
      return w
        ? tuple(
          a.x.maxPool1dWithIndices(
            a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
        : .tensor(a.x.maxPool1d(a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
    }
    maximum(&table, "2d") {
      let a = $0, w = $1
      return w
        ? tuple(
          a.x.maxPool2dWithIndices(
            a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
        : .tensor(a.x.maxPool2d(a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
    }
    maximum(&table, "3d") {
      let a = $0, w = $1
      return w
        ? tuple(
          a.x.maxPool3dWithIndices(
            a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
        : .tensor(a.x.maxPool3d(a.kernel, stride: a.stride, padding: a.padding, dilation: a.dilation, ceilMode: a.ceil))
    }
    adaptiveMaximum(&table, "1d") { $0.adaptiveMaxPool1dWithIndices($1) }
    adaptiveMaximum(&table, "2d") { $0.adaptiveMaxPool2dWithIndices($1) }
    adaptiveMaximum(&table, "3d") { $0.adaptiveMaxPool3dWithIndices($1) }
    return table
  }()

  static func tuple(_ pair: (output: Tensor, indices: Tensor)) -> Value { .tensors(pair.output, pair.indices) }

  private struct MaxArguments {
    let x: Tensor
    let kernel: [Int]
    let stride: [Int]?
    let padding: [Int]
    let dilation: [Int]
    let ceil: Bool
  }

  /// The three spellings of a maximum pooling; the flag tells whether indices are wanted.
  private static func maximum(
    _ table: inout [String: Entry], _ suffix: String, _ body: @escaping @Sendable (MaxArguments, Bool) -> Value
  ) {
    @Sendable func arguments(_ call: Call) throws -> MaxArguments {
      MaxArguments(
        x: try call.tensor(0, "input"), kernel: try call.ints(1, "kernel_size"),
        stride: try call.optionalInts(2, "stride"), padding: try call.ints(3, "padding", default: [0]),
        dilation: try call.ints(4, "dilation", default: [1]), ceil: try call.bool(5, "ceil_mode"))
    }
    table["nn.functional.max_pool\(suffix)"] = { call in
      body(try arguments(call), try call.bool(6, "return_indices"))
    }
    table["nn.functional.max_pool\(suffix)_with_indices"] = { call in
      call.ignore("return_indices")
      return body(try arguments(call), true)
    }
  }

  private static func adaptiveMaximum(
    _ table: inout [String: Entry], _ suffix: String,
    _ body: @escaping @Sendable (Tensor, [Int?]) -> (output: Tensor, indices: Tensor)
  ) {
    table["nn.functional.adaptive_max_pool\(suffix)"] = { call in
      let result = body(try call.tensor(0, "input"), try outputSize(call))
      return try call.bool(2, "return_indices") ? tuple(result) : .tensor(result.output)
    }
    table["nn.functional.adaptive_max_pool\(suffix)_with_indices"] = { call in
      call.ignore("return_indices")
      return tuple(body(try call.tensor(0, "input"), try outputSize(call)))
    }
  }

  /// An int, or a list of ints and None.
  static func outputSize(_ call: Call) throws -> [Int?] {
    guard let value = try call.value(1, "output_size") else { return [nil] }
    return try (value.items ?? [value]).map { item in
      if item.isNone { return nil }
      guard case .int(let size) = item else { throw CallError("\(call.name)(): output_size must be ints or None") }
      return size
    }
  }

  private static func adaptive(_ body: @escaping @Sendable (Tensor, [Int?]) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, "input"), try outputSize(call))) }
  }

  private static func average(
    _ body: @escaping @Sendable (Tensor, [Int], [Int]?, [Int], Bool, Bool) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.ints(1, "kernel_size"), try call.optionalInts(2, "stride"),
          try call.ints(3, "padding", default: [0]), try call.bool(4, "ceil_mode"),
          try call.bool(5, "count_include_pad", default: true)))
    }
  }

  private static func averageOverride(
    _ body: @escaping @Sendable (Tensor, [Int], [Int]?, [Int], Bool, Bool, Int?) -> Tensor
  ) -> Entry {
    { call in
      let divisor = try call.optionalInt(6, "divisor_override")
      return try average { body($0, $1, $2, $3, $4, $5, divisor) }(call)
    }
  }

  private static func lp(_ body: @escaping @Sendable (Tensor, Double, [Int], [Int]?, Bool) -> Tensor) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.double(1, "norm_type"), try call.ints(2, "kernel_size"),
          try call.optionalInts(3, "stride"), try call.bool(4, "ceil_mode")))
    }
  }

  private static func unpool(
    _ body: @escaping @Sendable (Tensor, Tensor, [Int], [Int]?, [Int], [Int]?) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.tensor(1, "indices"), try call.ints(2, "kernel_size"),
          try call.optionalInts(3, "stride"), try call.ints(4, "padding", default: [0]),
          try call.optionalInts(5, "output_size")))
    }
  }
}
