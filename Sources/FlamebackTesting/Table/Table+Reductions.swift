import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let reductions: [String: Entry] = [
    "sum": typed { $0.sum(dim: $1, keepDim: $2, dtype: $3) },
    "nansum": typed { $0.nansum(dim: $1, keepDim: $2, dtype: $3) },
    "mean": typed { $0.mean(dim: $1, keepDim: $2, dtype: $3) },
    "nanmean": typed { $0.nanmean(dim: $1, keepDim: $2, dtype: $3) },
    "any": overDims { $0.any(dim: $1, keepDim: $2) },
    "all": overDims { $0.all(dim: $1, keepDim: $2) },
    "amax": overDims { $0.amax(dim: $1, keepDim: $2) },
    "amin": overDims { $0.amin(dim: $1, keepDim: $2) },
    "hash_tensor": overDims { $0.hashTensor(dim: $1, keepDim: $2) },
    "count_nonzero": { call in .tensor(try call.tensor(0, "input").countNonzero(dim: try call.optionalInts(1, "dim")))
    },
    "aminmax": { call in
      let result = try call.tensor(0, "input").aminmax(
        dim: try call.optionalInt(nil, "dim"), keepDim: try call.bool(nil, "keepdim"))
      return .tensors(result.min, result.max, fields: ["min", "max"])
    },
    "max": extremum({ $0.max() }, { $0.max(dim: $1, keepDim: $2) }, { $0.maximum($1) }),
    "min": extremum({ $0.min() }, { $0.min(dim: $1, keepDim: $2) }, { $0.minimum($1) }),
    "argmax": { call in
      .tensor(
        try call.tensor(0, "input").argmax(dim: try call.optionalInt(1, "dim"), keepDim: try call.bool(2, "keepdim")))
    },
    "argmin": { call in
      .tensor(
        try call.tensor(0, "input").argmin(dim: try call.optionalInt(1, "dim"), keepDim: try call.bool(2, "keepdim")))
    },
    "prod": { call in
      let x = try call.tensor(0, "input")
      return .tensor(
        x.prod(dim: try call.optionalInt(1, "dim"), keepDim: try call.bool(2, "keepdim"), dtype: try call.dtype()))
    },
    "cumsum": { call in
      .tensor(try call.tensor(0, "input").cumsum(dim: try call.int(1, "dim"), dtype: try call.dtype()))
    },
    "cumprod": { call in
      .tensor(try call.tensor(0, "input").cumprod(dim: try call.int(1, "dim"), dtype: try call.dtype()))
    },
    "logcumsumexp": { call in .tensor(try call.tensor(0, "input").logcumsumexp(dim: try call.int(1, "dim"))) },
    "softmax": softmax { $0.softmax(dim: $1, dtype: $2) },
    "log_softmax": softmax { $0.logSoftmax(dim: $1, dtype: $2) },
    "nn.functional.softmin": softmax { $0.softmin(dim: $1, dtype: $2) },
    "cummax": { call in
      let result = try call.tensor(0, "input").cummax(dim: try call.int(1, "dim"))
      return .tensors(result.values, result.indices, fields: ["values", "indices"])
    },
    "cummin": { call in
      let result = try call.tensor(0, "input").cummin(dim: try call.int(1, "dim"))
      return .tensors(result.values, result.indices, fields: ["values", "indices"])
    },
    "median": median({ $0.median() }, { $0.median(dim: $1, keepDim: $2) }),
    "nanmedian": median({ $0.nanmedian() }, { $0.nanmedian(dim: $1, keepDim: $2) }),
    "mode": { call in
      let result = try call.tensor(0, "input").mode(
        dim: try call.int(1, "dim", default: -1), keepDim: try call.bool(2, "keepdim"))
      return .tensors(result.values, result.indices, fields: ["values", "indices"])
    },
    "quantile": quantile { $0.quantile($1, dim: $2, keepDim: $3, interpolation: $4) },
    "nanquantile": quantile { $0.nanquantile($1, dim: $2, keepDim: $3, interpolation: $4) },
    "trace": unary { $0.trace() },
    "diff": { call in
      .tensor(
        try call.tensor(0, "input").diff(
          n: try call.int(1, "n", default: 1), dim: try call.int(2, "dim", default: -1),
          prepend: try call.optionalTensor(3, "prepend"), append: try call.optionalTensor(4, "append")))
    },
    "cov": { call in
      .tensor(
        try call.tensor(0, "input").cov(
          correction: try call.int(nil, "correction", default: 1), fweights: try call.optionalTensor(nil, "fweights"),
          aweights: try call.optionalTensor(nil, "aweights")))
    },
    "corrcoef": unary { $0.corrcoef() },
    "sum_to_size": { call in .tensor(try call.tensor(0, "input").sumToSize(try call.sizes(1, "size"))) },
    "gradient": { call in
      let x = try call.tensor(0, "input")
      let dims = try call.optionalInts(nil, "dim")
      let edgeOrder = try call.int(nil, "edge_order", default: 1)
      guard call.isSequence(nil, "spacing"), let items = try call.value(nil, "spacing")?.items else {
        let spacing = try call.double(nil, "spacing", default: 1)
        return .tensors(x.gradient(dims: dims, spacing: spacing, edgeOrder: edgeOrder))
      }
      let spacings: [Spacing] = try items.map { item in
        if let tensor = item.tensor { return .coordinates(tensor) }
        guard let number = item.scalar else { throw CallError("gradient(): a spacing must be a number or a tensor") }
        return .uniform(number.double)
      }
      return .tensors(x.gradient(dims: dims, spacings: spacings, edgeOrder: edgeOrder))
    },
    "renorm": { call in
      .tensor(
        try call.tensor(0, "input").renorm(
          p: try call.double(1, "p"), dim: try call.int(2, "dim"), maxNorm: try call.double(3, "maxnorm")))
    },
    "trapezoid": trapezoid { $0.trapezoid(x: $1, dx: $2, dim: $3) },
    "trapz": trapezoid { $0.trapezoid(x: $1, dx: $2, dim: $3) },
    "cumulative_trapezoid": trapezoid { $0.cumulativeTrapezoid(x: $1, dx: $2, dim: $3) },
    "norm": { call in
      let x = try call.tensor(0, "input")
      let dim = try call.optionalInts(2, "dim")
      let keepDim = try call.bool(3, "keepdim")
      let dtype = try call.dtype()
      guard call.isString(1, "p") else {
        return .tensor(
          x.norm(p: try call.double(1, "p", default: 2), dim: dim, keepDim: keepDim, dtype: dtype))
      }
      let name = try call.string(1, "p")
      if name == "fro" { return .tensor(x.norm(p: 2, dim: dim, keepDim: keepDim, dtype: dtype)) }
      guard let order = MatrixNorm(name) else { throw CallError("norm(): unknown norm '\(name)'") }
      let dims = dim ?? Array(0..<x.rank)
      guard dims.count == 2 else { throw CallError("norm(): '\(name)' needs two dimensions") }
      return .tensor(x.matrixNorm(order, dim: (dims[0], dims[1]), keepDim: keepDim, dtype: dtype))
    },
    "linalg.matrix_norm": { call in
      let x = try call.tensor(0, "A")
      let order = try matrixOrder(call, 1)
      let dims = try call.ints(2, "dim", default: [-2, -1])
      guard dims.count == 2 else { throw CallError("matrix_norm(): dim must have two elements") }
      return .tensor(
        x.matrixNorm(order, dim: (dims[0], dims[1]), keepDim: try call.bool(3, "keepdim"), dtype: try call.dtype()))
    },
    "linalg.norm": { call in
      let x = try call.tensor(0, "A")
      let dim = try call.optionalInts(2, "dim")
      let keepDim = try call.bool(3, "keepdim")
      let dtype = try call.dtype()
      let hasOrder = try call.given(1, "ord").map { !$0.isNone } ?? false
      let isMatrix = (dim?.count ?? x.rank) == 2
      if !hasOrder { return .tensor(x.vectorNorm(dim: dim, keepDim: keepDim, dtype: dtype)) }
      if let dim, dim.count > 2 { throw CallError("linalg.norm(): dim must have one or two elements") }
      if dim == nil, x.rank > 2 { throw CallError("linalg.norm(): input must be 1-D or 2-D with ord given") }
      if isMatrix {
        let dims = dim ?? [0, 1]
        return .tensor(
          x.matrixNorm(try matrixOrder(call, 1), dim: (dims[0], dims[1]), keepDim: keepDim, dtype: dtype))
      }
      return .tensor(x.vectorNorm(ord: try call.double(1, "ord"), dim: dim, keepDim: keepDim, dtype: dtype))
    },
    "var": variance { [$0.var(dim: $1, correction: $2, keepDim: $3)] },
    "std": variance { [$0.std(dim: $1, correction: $2, keepDim: $3)] },
    "var_mean": variance {
      let result = $0.varMean(dim: $1, correction: $2, keepDim: $3)
      return [result.variance, result.mean]
    },
    "std_mean": variance {
      let result = $0.stdMean(dim: $1, correction: $2, keepDim: $3)
      return [result.std, result.mean]
    },
    "logsumexp": { call in
      .tensor(
        try call.tensor(0, "input").logsumexp(
          dim: try call.optionalInts(1, "dim"), keepDim: try call.bool(2, "keepdim")))
    },
    "dist": { call in
      .tensor(try call.tensor(0, "input").dist(try call.tensor(1, "other"), p: try call.double(2, "p", default: 2)))
    },
    "linalg.vector_norm": { call in
      .tensor(
        try call.tensor(0, "x").vectorNorm(
          ord: try call.double(1, "ord", default: 2), dim: try call.optionalInts(2, "dim"),
          keepDim: try call.bool(3, "keepdim"), dtype: try call.dtype()))
    },
    "equal": { call in .bool(try call.tensor(0, "input").equal(try call.tensor(1, "other"))) },
    "allclose": { call in
      .bool(
        try call.tensor(0, "input").allClose(
          try call.tensor(1, "other"), rtol: try call.double(2, "rtol", default: 1e-5),
          atol: try call.double(3, "atol", default: 1e-8), equalNaN: try call.bool(4, "equal_nan")))
    },
  ]

  /// input, dim, keepdim, dtype.
  private static func typed(_ body: @escaping @Sendable (Tensor, [Int]?, Bool, DType?) -> Tensor) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      return .tensor(
        body(x, try call.optionalInts(1, "dim"), try call.bool(2, "keepdim"), try call.dtype()))
    }
  }

  /// input, dim, keepdim.
  private static func overDims(_ body: @escaping @Sendable (Tensor, [Int]?, Bool) -> Tensor) -> Entry {
    { call in
      .tensor(body(try call.tensor(0, "input"), try call.optionalInts(1, "dim"), try call.bool(2, "keepdim")))
    }
  }

  /// input, dim, dtype; functional forms have an obsolete `_stacklevel` in between and may leave out dim.
  private static func softmax(_ body: @escaping @Sendable (Tensor, Int, DType?) -> Tensor) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      call.ignore("_stacklevel")
      let implicit = x.rank == 0 || x.rank == 1 || x.rank == 3 ? 0 : 1
      var dtype = try call.dtype()
      if dtype == nil, case .dtype? = call.peek(2, "dtype") { dtype = try call.optionalDType(2, "dtype") }
      return .tensor(body(x, try call.optionalInt(1, "dim") ?? implicit, dtype))
    }
  }

  static func matrixOrder(_ call: Call, _ position: Int, _ key: String = "ord") throws -> MatrixNorm {
    if !call.has(position, key) { return .frobenius }
    if call.isString(position, key) {
      let name = try call.string(position, key)
      guard let order = MatrixNorm(name) else { throw CallError("\(call.name)(): unknown norm '\(name)'") }
      return order
    }
    return .order(try call.double(position, key))
  }

  /// The median of everything, or values and indices along a dimension.
  private static func median(
    _ full: @escaping @Sendable (Tensor) -> Tensor,
    _ along: @escaping @Sendable (Tensor, Int, Bool) -> (values: Tensor, indices: Tensor)
  ) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      guard let dim = try call.optionalInt(1, "dim") else { return .tensor(full(x)) }
      let result = along(x, dim, try call.bool(2, "keepdim"))
      return .tensors(result.values, result.indices, fields: ["values", "indices"])
    }
  }

  /// input, q, dim, keepdim, interpolation.
  private static func quantile(
    _ body: @escaping @Sendable (Tensor, Operand, Int?, Bool, QuantileInterpolation) -> Tensor
  ) -> Entry {
    { call in
      let name = try call.string(nil, "interpolation", default: "linear")
      guard let interpolation = QuantileInterpolation(rawValue: name) else {
        throw CallError("\(call.name)(): unknown interpolation '\(name)'")
      }
      return .tensor(
        body(
          try call.tensor(0, "input"), try call.operand(1, "q"), try call.optionalInt(2, "dim"),
          try call.bool(3, "keepdim"), interpolation))
    }
  }

  /// trapezoid(y, x), or trapezoid(y, dx=); dim is keyword-only.
  private static func trapezoid(_ body: @escaping @Sendable (Tensor, Tensor?, Double, Int) -> Tensor) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "y"), try call.optionalTensor(1, "x"), try call.double(nil, "dx", default: 1),
          try call.int(nil, "dim", default: -1)))
    }
  }

  /// The three forms of max: of everything, along a dimension, of two tensors.
  private static func extremum(
    _ full: @escaping @Sendable (Tensor) -> Tensor,
    _ along: @escaping @Sendable (Tensor, Int, Bool) -> (values: Tensor, indices: Tensor),
    _ binary: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      if call.isTensor(1, "other") { return .tensor(binary(x, try call.tensor(1, "other"))) }
      guard let dim = try call.optionalInt(1, "dim") else { return .tensor(full(x)) }
      let result = along(x, dim, try call.bool(2, "keepdim"))
      return .tensors(result.values, result.indices, fields: ["values", "indices"])
    }
  }

  /// var(input, dim, *, correction, keepdim), var(input, dim, unbiased, keepdim) and var(input, unbiased).
  private static func variance(_ body: @escaping @Sendable (Tensor, [Int]?, Double, Bool) -> [Tensor]) -> Entry {
    { call in
      let x = try call.tensor(0, "input")
      var dim: [Int]?
      var unbiased: Bool?
      if case .bool(let flag)? = call.peek(1, "dim") {
        _ = try call.given(1, "dim")
        unbiased = flag
      } else {
        dim = try call.optionalInts(1, "dim")
        unbiased = try call.optionalBool(2, "unbiased")
      }
      let keepDim = try call.bool(3, "keepdim")
      let correction = try call.optionalDouble(nil, "correction") ?? (unbiased == false ? 0 : 1)
      let results = body(x, dim, correction, keepDim)
      return results.count == 1 ? .tensor(results[0]) : .tensors(results)
    }
  }
}
