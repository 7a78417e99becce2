import Flameback
import FlamebackCore

/// Whole numbers with a scale and a zero point, computed in float64, where all sums are exact.
extension Operator {
  static let quantization: [String: Operator] = [
    "QuantizeLinear": .one([1, 2]) { call in
      let x = try call(0)
      let zero = call.optional(2)
      let dtype = try zero?.dtype ?? call.int("output_dtype").flatMap { $0 == 0 ? nil : try call.dtype($0) } ?? .uint8
      let scale = try alongAxis(call, call(1), x)
      // In the input's type: how halves round depends on it.
      return quantized((x / scale.to(x.dtype)).to(.float64), try zero.map { try alongAxis(call, $0, x) }, dtype)
    },
    "DequantizeLinear": .one([1, 2]) { call in
      let x = try call(0)
      let scale = try alongAxis(call, call(1), x)
      let zero = try call.optional(2).map { try alongAxis(call, $0, x).to(.float64) }
      return (centred(x, zero) * scale.to(.float64)).to(scale.dtype)
    },
    "DynamicQuantizeLinear": Operator { call in
      let x = try call(0)
      try call.require(x.elementCount > 0, "needs elements")
      let (low, high) = (x.amin().minimum(0), x.amax().maximum(0))
      let scale = (high - low) / 255
      let zero = (0 - low / scale).round().clamp(min: 0, max: 255)
      return [(x / scale).round().clampedSum(zero), scale, zero.to(.uint8)]
    },
    "MatMulInteger": .one { call in
      let (a, b) = (try call(0), try call(1))
      return centred(a, column(call.optional(2), a)).matmul(centred(b, call.optional(3)?.to(.float64))).to(.int32)
    },
    "ConvInteger": .one { call in
      let (x, weight) = (try call(0), try call(1))
      let zero = call.optional(3).map {
        $0.rank == 1 ? $0.reshape([-1] + Array(repeating: 1, count: weight.rank - 1)) : $0
      }
      return try convolution(
        call, centred(x, call.optional(2)?.to(.float64)), centred(weight, zero?.to(.float64)), nil
      ).to(.int32)
    },
    "QLinearMatMul": .one { call in
      let (a, b) = (try call(0), try call(3))
      let product = centred(a, column(call.optional(2), a)).matmul(centred(b, call.optional(5)?.to(.float64)))
      let scale = try column(call(1), a)!.to(.float64) * call(4).to(.float64) / call(6).to(.float64)
      return quantized(product * scale, try call(7), try call(7).dtype)
    },
    "QLinearConv": .one { call in
      let (x, weight) = (try call(0), try call(3))
      let perChannel = Array(repeating: 1, count: max(weight.rank - 1, 0))
      func channel(_ t: Tensor) -> Tensor { t.rank == 1 ? t.reshape([-1] + perChannel) : t }
      var y = try convolution(
        call, centred(x, call(2).to(.float64)), centred(weight, channel(call(5)).to(.float64)), nil)
      let weightScale = try call(4)
      let outScale = weightScale.rank == 1 ? weightScale.reshape([-1] + Array(perChannel.dropFirst())) : weightScale
      if let bias = call.optional(8) { y = y + bias.to(.float64).reshape([-1] + Array(perChannel.dropFirst())) }
      let scale = try call(1).to(.float64) * outScale.to(.float64) / call(6).to(.float64)
      return quantized(y * scale, try call(7), try call(7).dtype)
    },
  ]

  private static func centred(_ x: Tensor, _ zero: Tensor?) -> Tensor {
    let wide = x.to(.float64)
    return zero.map { wide - $0.to(.float64) } ?? wide
  }

  /// A value for each row of matrices.
  private static func column(_ values: Tensor?, _ matrix: Tensor) -> Tensor? {
    values.map { $0.rank == 1 && $0.elementCount > 1 ? $0.unsqueeze(-1) : $0 }
  }

  private static func quantized(_ x: Tensor, _ zero: Tensor?, _ dtype: DType) -> Tensor {
    let shifted = zero.map { x.round() + $0.to(.float64) } ?? x.round()
    return shifted.clamp(min: dtype.lowest, max: dtype.highest).to(dtype)
  }

  /// One number, or one for each index of an axis.
  private static func alongAxis(_ call: Call, _ values: Tensor, _ x: Tensor) throws -> Tensor {
    if values.elementCount == 1 { return values.reshape([]) }
    try call.require(values.rank == 1, "blocks of scales are not supported: \(values.spec)")
    let axis = try call.axis(call.int("axis", 1), rank: x.rank)
    try call.require(values.elementCount == x.shape[axis], "\(values.spec) does not fit axis \(axis) of \(x.spec)")
    var shape = Array(repeating: 1, count: x.rank)
    shape[axis] = values.elementCount
    return values.reshape(shape)
  }
}

extension Tensor {
  fileprivate func clampedSum(_ zero: Tensor) -> Tensor { (self + zero).clamp(min: 0, max: 255).to(.uint8) }
}

extension Int {
  fileprivate static func - (a: Int, b: Tensor) -> Tensor { b.neg() + a }
}
