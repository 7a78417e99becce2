import Flameback
import FlamebackCore

extension Operator {
  static let elementwise: [String: Operator] = [
    "Abs": .unary { $0.dtype == .bool ? $0 : $0.abs() }, "Acos": .unary { $0.acos() }, "Acosh": .unary { $0.acosh() },
    "Asin": .unary { $0.asin() }, "Asinh": .unary { $0.asinh() }, "Atan": .unary { $0.atan() },
    "Atanh": .unary { $0.atanh() }, "Ceil": .unary { $0.ceil() }, "Cos": .unary { $0.cos() },
    "Cosh": .unary { $0.cosh() }, "Erf": .unary { $0.erf() }, "Exp": .unary { $0.exp() },
    "Floor": .unary { $0.floor() }, "Log": .unary { $0.log() }, "Neg": .unary { $0.neg() },
    "Reciprocal": .unary { $0.reciprocal() }, "Round": .unary { $0.round() }, "Sign": .unary { $0.sign() },
    "Sin": .unary { $0.sin() }, "Sinh": .unary { $0.sinh() }, "Sqrt": .unary { $0.sqrt() }, "Tan": .unary { $0.tan() },
    "Tanh": .unary { $0.tanh() }, "Identity": .unary { $0 }, "Not": .unary { $0.logicalNot() },
    "BitwiseNot": .unary { ~$0 },
    "Add": .binary { $0 + $1 }, "Sub": .binary { $0 - $1 }, "Mul": .binary { $0 * $1 },
    "Div": .binary { $0.dtype.category <= .integer ? $0.div($1, roundingMode: .trunc) : $0 / $1 },
    "Pow": .one { call in
      let (base, exponent) = (try call(0), try call(1))
      if base.dtype == exponent.dtype { return base.pow(exponent) }
      // The result has the base's type; of two floating point types the wider one computes.
      if base.dtype.isInteger, exponent.dtype.isFloatingPoint {
        return base.to(.float64).pow(exponent.to(.float64)).to(base.dtype)
      }
      return base.pow(exponent.to(base.dtype.isFloatingPoint ? base.dtype : .int64)).to(base.dtype)
    },
    "Mod": .one { call in
      let fmod = try call.bool("fmod")
      return try folded(call, legacy: false) { fmod ? $0.fmod($1) : $0.remainder($1) }
    },
    "And": .binary { $0.logicalAnd($1) }, "Or": .binary { $0.logicalOr($1) }, "Xor": .binary { $0.logicalXor($1) },
    "BitwiseAnd": .binary { $0 & $1 }, "BitwiseOr": .binary { $0 | $1 }, "BitwiseXor": .binary { $0 ^ $1 },
    "BitShift": .one { call in
      let (x, y) = (try call(0), try call(1))
      switch try call.text("direction", "") {
      case "LEFT": return (x << y).to(x.dtype)
      case "RIGHT": return (x >> y).to(x.dtype)
      default: throw call.error("the direction must be LEFT or RIGHT")
      }
    },
    "Max": .variadic { $0.maximum($1) }, "Min": .variadic { $0.minimum($1) }, "Sum": .variadic { $0 + $1 },
    "Mean": .one { call in
      let inputs = try call.all()
      return inputs.dropFirst().reduce(inputs[0]) { $0 + $1 } / Double(inputs.count)
    },
    "Cast": .one { call in
      guard let code = try call.int("to") else { throw call.error("attribute 'to' is missing") }
      return try call(0).cast(to: call.dtype(code))
    },
    "CastLike": .one { try $0(0).cast(to: $0(1).dtype) },
    "Where": .one { call in
      let (a, b) = (try call(1), try call(2))
      return select(where: try call(0), a, b)
    },
    "Clip": .one([1, 2]) { call in
      var x = try call(0)
      let dtype = x.dtype
      if let low = try call.double("min") { x = x.clamp(min: Scalar.float(low)) }
      if let high = try call.double("max") { x = x.clamp(max: Scalar.float(high)) }
      if let low = call.optional(1) { x = x.maximum(low) }
      if let high = call.optional(2) { x = x.minimum(high) }
      return x.to(dtype)
    },
  ]

  static func binary(_ compute: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Operator {
    .one { try folded($0, legacy: true, compute) }
  }

  private static func variadic(_ compute: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Operator {
    .one { call in
      let inputs = try call.all()
      return inputs.dropFirst().reduce(inputs[0], compute)
    }
  }

  /// A function of two inputs. Before version 7 the second one was placed by `axis` instead of broadcast from behind.
  private static func folded(
    _ call: Call, legacy: Bool, _ compute: (Tensor, Tensor) -> Tensor
  ) throws -> Tensor {
    let a = try call(0)
    var b = try call(1)
    if legacy, call.opset < 7, let axis = try call.int("axis"), b.rank < a.rank {
      let first = try call.axis(axis, rank: a.rank)
      guard first + b.rank <= a.rank else { throw call.error("axis \(axis) leaves no room for \(b.spec)") }
      b = b.reshape(b.shape.array + Array(repeating: 1, count: a.rank - first - b.rank))
    }
    return compute(a, b)
  }

  static let comparisons: [String: Operator] = [
    "Equal": .binary { $0 .== $1 }, "Less": .binary { $0 .< $1 }, "LessOrEqual": .binary { $0 .<= $1 },
    "Greater": .binary { $0 .> $1 }, "GreaterOrEqual": .binary { $0 .>= $1 }, "IsNaN": .unary { $0.isNaN() },
    "IsInf": .one { call in
      let x = try call(0)
      switch (try call.bool("detect_negative", true), try call.bool("detect_positive", true)) {
      case (true, true): return x.isInf()
      case (true, false): return x.isNegInf()
      case (false, true): return x.isPosInf()
      case (false, false): return .full(x.shape, false, dtype: .bool)
      }
    },
  ]
}

extension Tensor {
  /// Conversion by ONNX's rules: floating point numbers become whole by truncation, anything but 0 is true.
  func cast(to dtype: DType) -> Tensor {
    if dtype == .bool, self.dtype != .bool { return self .!= 0 }
    return to(dtype)
  }
}
