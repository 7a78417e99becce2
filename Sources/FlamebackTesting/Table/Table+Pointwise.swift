import Flameback
import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension OperatorTable {
  static let pointwise: [String: Entry] = [
    arithmeticEntries, reflectedEntries, mathEntries, comparisonEntries, activationEntries, conversionEntries,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  /// A function of two tensors; a number in place of either is an error.
  private static func tensorBinary(_ function: Elementwise) -> Entry {
    { call in .tensor(function(try call.tensor(0, "input"), try call.tensor(1, "other"))) }
  }

  /// A function of a tensor (never a number) and an operand.
  private static func method(_ body: @escaping @Sendable (Tensor, Operand) throws -> Tensor) -> Entry {
    { call in .tensor(try body(try call.tensor(0, "input"), try call.operand(1, "other"))) }
  }

  /// What `alpha` multiplies where the first operand is a number.
  private static func scaled(_ other: Operand, _ alpha: Scalar, _ call: Call) throws -> Operand {
    guard case .tensor(let tensor) = other else { throw CallError("\(call.name): needs a tensor") }
    return alpha == 1 ? other : .tensor(tensor * alpha)
  }

  private static let arithmeticEntries: [String: Entry] = [
    "add": { call in
      let (other, alpha) = (try call.operand(1, "other"), try call.scalar(2, "alpha", default: 1))
      guard case .tensor(let x) = try call.operand(0, "input") else {
        return .tensor(Elementwise.add(try call.operand(0, "input"), try scaled(other, alpha, call)))
      }
      return .tensor(x.add(other, alpha: alpha))
    },
    "sub": { call in
      let (other, alpha) = (try call.operand(1, "other"), try call.scalar(2, "alpha", default: 1))
      guard case .tensor(let x) = try call.operand(0, "input") else {
        return .tensor(Elementwise.sub(try call.operand(0, "input"), try scaled(other, alpha, call)))
      }
      return .tensor(x.sub(other, alpha: alpha))
    },
    "rsub": {
      .tensor(try $0.tensor(0, "input").rsub(try $0.operand(1, "other"), alpha: try $0.scalar(2, "alpha", default: 1)))
    },
    "mul": method { Elementwise.mul($0, $1) },
    "div": { call in
      let mode = try call.optionalString(nil, "rounding_mode")
      guard mode == nil || mode == "floor" || mode == "trunc" else { throw CallError("div: rounding_mode '\(mode!)'") }
      let rounding: RoundingMode? = mode.map { $0 == "floor" ? .floor : .trunc }
      return .tensor(try call.tensor(0, "input").div(try call.operand(1, "other"), roundingMode: rounding))
    },
    "true_divide": method { $0.div($1) },
    "floor_divide": method { $0.floorDivide($1) },
    "remainder": binary(.remainder),
    "fmod": method { $0.fmod($1) },
    "pow": { call in
      let exponent = try call.operand(1, "exponent")
      if case .tensor(let base) = try call.operand(0, "input") { return .tensor(base.pow(exponent)) }
      return .tensor(Elementwise.pow(try call.operand(0, "input"), exponent))
    },
    "float_power": { call in
      let exponent = try call.operand(1, "exponent")
      if case .tensor(let base) = try call.operand(0, "input") { return .tensor(base.floatPower(exponent)) }
      guard case .tensor(let tensor) = exponent else { throw CallError("float_power: needs a tensor") }
      return .tensor(
        Elementwise.pow(try call.scalar(0, "input"), tensor.to(tensor.dtype.isComplex ? .complex128 : .float64)))
    },
    "maximum": tensorBinary(.maximum), "minimum": tensorBinary(.minimum),
    "fmax": tensorBinary(.fmax), "fmin": tensorBinary(.fmin),
    "atan2": tensorBinary(.atan2), "hypot": tensorBinary(.hypot), "nextafter": tensorBinary(.nextafter),
    "copysign": method { $0.copysign($1) },
    "gcd": tensorBinary(.gcd), "lcm": tensorBinary(.lcm),
    "heaviside": { call in
      let (x, values) = (try call.tensor(0, "input"), try call.tensor(1, "values"))
      guard x.dtype == values.dtype else { throw CallError("heaviside: dtypes differ") }
      return .tensor(x.heaviside(values))
    },
    "xlogy": binary(.xlogy), "xlog1py": binary(.xlog1py),
    "logaddexp": { .tensor(try $0.tensor(0, "input").logaddexp(try $0.tensor(1, "other"))) },
    "logaddexp2": tensorBinary(.logaddexp2),
    "ldexp": tensorBinary(.ldexp),
    "lerp": { .tensor(try $0.tensor(0, "input").lerp(try $0.tensor(1, "end"), weight: try $0.operand(2, "weight"))) },
    "addcmul": { call in
      let (a, b) = (try call.tensor(1, "tensor1"), try call.tensor(2, "tensor2"))
      return .tensor(try call.tensor(0, "input").addcmul(a, b, value: try call.scalar(nil, "value", default: 1)))
    },
    "addcdiv": { call in
      let (a, b) = (try call.tensor(1, "tensor1"), try call.tensor(2, "tensor2"))
      return .tensor(try call.tensor(0, "input").addcdiv(a, b, value: try call.scalar(nil, "value", default: 1)))
    },
    "clamp": { call in
      let (low, high) = (try call.optionalOperand(1, "min"), try call.optionalOperand(2, "max"))
      return .tensor(try call.tensor(0, "input").clamp(min: low, max: high))
    },
    "clamp_min": { .tensor(try $0.tensor(0, "input").clamp(min: try $0.operand(1, "min"))) },
    "clamp_max": { .tensor(try $0.tensor(0, "input").clamp(max: try $0.operand(1, "max"))) },
  ]

  private static let reflectedEntries: [String: Entry] = [
    "Tensor.__radd__": method { Elementwise.add($1, $0) },
    "Tensor.__rsub__": method { Elementwise.sub($1, $0) },
    "Tensor.__rmul__": method { Elementwise.mul($1, $0) },
    "Tensor.__rdiv__": method { Elementwise.div($1, $0) },
    "Tensor.__rtruediv__": method { Elementwise.div($1, $0) },
    "Tensor.__rfloordiv__": method { Elementwise.floorDivide($1, $0) },
    "Tensor.__rpow__": method { Elementwise.pow($1, $0) },
    "Tensor.__rmod__": method { Elementwise.remainder($1, $0) },
    "Tensor.__rand__": method { Elementwise.bitwiseAnd($1, $0) },
    "Tensor.__ror__": method { Elementwise.bitwiseOr($1, $0) },
    "Tensor.__rxor__": method { Elementwise.bitwiseXor($1, $0) },
    "Tensor.__and__": method { $0 & $1 }, "Tensor.__or__": method { $0 | $1 }, "Tensor.__xor__": method { $0 ^ $1 },
    "Tensor.__lshift__": method { $0 << $1 }, "Tensor.__rshift__": method { $0 >> $1 },
    "Tensor.__floordiv__": method { $0.floorDivide($1) }, "Tensor.__mod__": method { $0 % $1 },
    "Tensor.__pow__": method { $0.pow($1) },
    "Tensor.__lt__": method { $0 .< $1 }, "Tensor.__le__": method { $0 .<= $1 },
    "Tensor.__gt__": method { $0 .> $1 }, "Tensor.__ge__": method { $0 .>= $1 },
    "Tensor.__eq__": method { $0 .== $1 }, "Tensor.__ne__": method { $0 .!= $1 },
    "Tensor.__neg__": unary { -$0 }, "Tensor.__abs__": unary { $0.abs() }, "Tensor.__invert__": unary { ~$0 },
    "Tensor.__pos__": unary { $0 },
  ]

  private static let mathEntries: [String: Entry] = [
    "frexp": { call in
      let parts = try call.tensor(0, "input").frexp()
      return .tensors(parts.mantissa, parts.exponent, fields: ["mantissa", "exponent"])
    },
    "abs": unary { $0.abs() }, "neg": unary { $0.neg() }, "sign": unary { $0.sign() }, "sgn": unary { $0.sgn() },
    "square": unary { $0.square() }, "reciprocal": unary { $0.reciprocal() }, "sqrt": unary { $0.sqrt() },
    "rsqrt": unary { $0.rsqrt() }, "floor": unary { $0.floor() }, "ceil": unary { $0.ceil() },
    "trunc": unary { $0.trunc() }, "fix": unary { $0.trunc() }, "frac": unary { $0.frac() },
    "round": { .tensor(try $0.tensor(0, "input").round(decimals: try $0.int(nil, "decimals", default: 0))) },
    "exp": unary { $0.exp() }, "exp2": unary { $0.exp2() }, "expm1": unary { $0.expm1() }, "log": unary { $0.log() },
    "log2": unary { $0.log2() }, "log10": unary { $0.log10() }, "log1p": unary { $0.log1p() },
    "sin": unary { $0.sin() }, "cos": unary { $0.cos() }, "tan": unary { $0.tan() }, "asin": unary { $0.asin() },
    "acos": unary { $0.acos() }, "atan": unary { $0.atan() }, "sinh": unary { $0.sinh() }, "cosh": unary { $0.cosh() },
    "tanh": unary { $0.tanh() }, "asinh": unary { $0.asinh() }, "acosh": unary { $0.acosh() },
    "atanh": unary { $0.atanh() }, "sigmoid": unary { $0.sigmoid() }, "erf": unary { $0.erf() },
    "erfc": unary { $0.erfc() }, "erfinv": unary { $0.erfinv() }, "lgamma": unary { $0.lgamma() },
    "digamma": unary { $0.digamma() }, "i0": unary { $0.i0() }, "special.i0e": unary { $0.i0e() },
    "special.i1": unary { $0.i1() }, "special.i1e": unary { $0.i1e() }, "sinc": unary { $0.sinc() },
    "special.entr": unary { $0.entr() }, "deg2rad": unary { $0.deg2rad() }, "rad2deg": unary { $0.rad2deg() },
    "polygamma": { .tensor(try $0.tensor(1, "input").polygamma(try $0.int(0, "n"))) },
    "logit": { .tensor(try $0.tensor(0, "input").logit(eps: try $0.optionalDouble(1, "eps"))) },
    "nan_to_num": { call in
      let x = try call.tensor(0, "input")
      let (high, low) = (try call.optionalDouble(2, "posinf"), try call.optionalDouble(3, "neginf"))
      return .tensor(x.nanToNum(nan: try call.double(1, "nan", default: 0), posInf: high, negInf: low))
    },
    "conj": unary { $0.conj() }, "conj_physical": unary { $0.conj() }, "resolve_conj": unary { $0 },
    "resolve_neg": unary { $0 }, "angle": unary { $0.angle() },
    "positive": unary { $0.dtype == .bool ? fail("positive", "not defined for bool", like: $0.spec) : $0 },
  ]

  private static let comparisonEntries: [String: Entry] = [
    "eq": method { $0 .== $1 }, "ne": method { $0 .!= $1 }, "lt": method { $0 .< $1 }, "le": method { $0 .<= $1 },
    "gt": method { $0 .> $1 }, "ge": method { $0 .>= $1 },
    "logical_and": tensorBinary(.logicalAnd), "logical_or": tensorBinary(.logicalOr),
    "logical_xor": tensorBinary(.logicalXor), "logical_not": unary { $0.logicalNot() },
    "isnan": unary { $0.isNaN() }, "isinf": unary { $0.isInf() }, "isfinite": unary { $0.isFinite() },
    "isposinf": unary { $0.isPosInf() }, "isneginf": unary { $0.isNegInf() }, "isreal": unary { $0.isReal() },
    "signbit": unary { $0.signbit() },
    "bitwise_and": binary(.bitwiseAnd), "bitwise_or": binary(.bitwiseOr), "bitwise_xor": binary(.bitwiseXor),
    "bitwise_not": unary { ~$0 }, "bitwise_left_shift": binary(.shiftLeft), "bitwise_right_shift": binary(.shiftRight),
    "isclose": { call in
      let (a, b) = (try call.tensor(0, "input"), try call.tensor(1, "other"))
      let (rtol, atol) = (try call.double(2, "rtol", default: 1e-5), try call.double(3, "atol", default: 1e-8))
      return .tensor(a.isClose(b, rtol: rtol, atol: atol, equalNaN: try call.bool(4, "equal_nan")))
    },
    "where": { call in
      let condition = try call.tensor(0, "condition")
      return .tensor(select(where: condition, try call.operand(1, "input"), try call.operand(2, "other")))
    },
    "Tensor.where": { call in
      .tensor(
        select(where: try call.tensor(1, "condition"), try call.operand(0, "input"), try call.operand(2, "other")))
    },
    "result_type": { .dtype(resultType(try $0.operand(0, "tensor1"), try $0.operand(1, "tensor2"))) },
    "promote_types": {
      let (a, b) = (try $0.dtype(0, "type1"), try $0.dtype(1, "type2"))
      guard let dtype = DType.promote(a, b) else { throw CallError("\(a) and \(b) have no common dtype") }
      return .dtype(dtype)
    },
    "can_cast": { .bool(DType.canCast(try $0.dtype(0, "from_"), to: try $0.dtype(1, "to"))) },
  ]

  private static let activationEntries: [String: Entry] = [
    "nn.functional.relu": activation { $0.relu() }, "nn.functional.relu6": activation { $0.relu6() },
    "nn.functional.selu": activation { $0.selu() }, "nn.functional.silu": activation { $0.silu() },
    "nn.functional.mish": activation { $0.mish() }, "nn.functional.logsigmoid": activation { $0.logSigmoid() },
    "nn.functional.hardsigmoid": activation { $0.hardsigmoid() },
    "nn.functional.hardswish": activation { $0.hardswish() },
    "nn.functional.tanhshrink": activation { $0.tanhshrink() }, "nn.functional.softsign": activation { $0.softsign() },
    "nn.functional.leaky_relu": { call in
      call.ignore("inplace")
      return .tensor(
        try call.tensor(0, "input").leakyRelu(negativeSlope: try call.double(1, "negative_slope", default: 0.01)))
    },
    "nn.functional.prelu": { .tensor(try $0.tensor(0, "input").prelu(try $0.tensor(1, "weight"))) },
    "nn.functional.elu": { call in
      call.ignore("inplace")
      return .tensor(try call.tensor(0, "input").elu(alpha: try call.double(1, "alpha", default: 1)))
    },
    "nn.functional.celu": { call in
      call.ignore("inplace")
      return .tensor(try call.tensor(0, "input").celu(alpha: try call.double(1, "alpha", default: 1)))
    },
    "nn.functional.gelu": { call in
      let approximate = try call.string(nil, "approximate", default: "none")
      guard ["none", "tanh"].contains(approximate) else { throw CallError("gelu: approximate '\(approximate)'") }
      return .tensor(try call.tensor(0, "input").gelu(approximate: approximate == "tanh" ? .tanh : .none))
    },
    "nn.functional.softplus": { call in
      let (beta, threshold) = (try call.double(1, "beta", default: 1), try call.double(2, "threshold", default: 20))
      return .tensor(try call.tensor(0, "input").softplus(beta: beta, threshold: threshold))
    },
    "nn.functional.hardtanh": { call in
      call.ignore("inplace")
      let (low, high) = (try call.scalar(1, "min_val", default: -1), try call.scalar(2, "max_val", default: 1))
      return .tensor(try call.tensor(0, "input").hardtanh(min: low, max: high))
    },
    "nn.functional.hardshrink": {
      .tensor(try $0.tensor(0, "input").hardshrink(lambda: try $0.double(1, "lambd", default: 0.5)))
    },
    "nn.functional.softshrink": {
      .tensor(try $0.tensor(0, "input").softshrink(lambda: try $0.double(1, "lambd", default: 0.5)))
    },
    "nn.functional.threshold": { call in
      call.ignore("inplace")
      let (limit, value) = (try call.scalar(1, "threshold"), try call.scalar(2, "value"))
      return .tensor(try call.tensor(0, "input").threshold(limit, value: value))
    },
    "nn.functional.glu": { .tensor(try $0.tensor(0, "input").glu(dim: try $0.int(1, "dim", default: -1))) },
  ]

  private static func activation(_ body: @escaping @Sendable (Tensor) -> Tensor) -> Entry {
    { call in
      call.ignore("inplace")
      return .tensor(body(try call.tensor(0, "input")))
    }
  }

  private static func cast(_ dtype: DType) -> Entry {
    { call in
      call.ignore("memory_format")
      return .tensor(try call.tensor(0, "input").to(dtype))
    }
  }

  private static let conversionEntries: [String: Entry] = [
    "Tensor.bool": cast(.bool), "Tensor.byte": cast(.uint8), "Tensor.char": cast(.int8), "Tensor.short": cast(.int16),
    "Tensor.int": cast(.int32), "Tensor.long": cast(.int64), "Tensor.half": cast(.float16),
    "Tensor.bfloat16": cast(.bfloat16), "Tensor.float": cast(.float32), "Tensor.double": cast(.float64),
    "Tensor.cfloat": cast(.complex64), "Tensor.cdouble": cast(.complex128),
    "Tensor.to": { call in
      call.ignore("memory_format", "copy", "non_blocking")
      let x = try call.tensor(0, "input")
      var result = x
      for i in 1..<max(2, call.positionalCount) {
        switch try call.value(i, "other") {
        case .tensor(let other)?: result = result.to(other.dtype)
        case .dtype(let dtype)?: result = result.to(dtype)
        case .string(let device)?: result = result.to(try Device(device))
        case .device(let device)?: result = result.to(device)
        default: break  // non_blocking, copy
        }
      }
      if let dtype = try call.dtype() { result = result.to(dtype) }
      return .tensor(result)
    },
    "Tensor.type_as": { .tensor(try $0.tensor(0, "input").to(try $0.tensor(1, "other").dtype)) },
    "clone": { call in
      call.ignore("memory_format")
      return .tensor(try call.tensor(0, "input").clone())
    },
    "Tensor.contiguous": { call in
      call.ignore("memory_format")
      return .tensor(try call.tensor(0, "input").contiguous())
    },
    "Tensor.detach": unary { $0.detached() },
    "Tensor.item": { call in
      let x = try call.tensor(0, "input")
      return .scalar(x.item())
    },
  ]
}
