import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Σ |x − mean|² / max(0, n − correction), or its root; the mean as a second result if wanted.
  package struct Variance: Reducing {
    package let name: String
    package let isRoot: Bool
    package let withMean: Bool
    package let dims: ReducedDims
    package let correction: Double

    package var kind: Reduction.Kind { isRoot ? .standardDeviation : .variance }
    package var parameter: Double { correction }
    package func resultDType(_ dtype: DType) -> DType { dtype.real }

    package var outputCount: Int { withMean ? 2 : 1 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype.isDifferentiable else { throw OpError(name, "needs floating point or complex numbers, got \(x)") }
      let shape = dims.resultShape(of: x.shape)
      let dtypes = withMean ? [x.dtype.real, x.dtype] : [x.dtype.real]
      return dtypes.map { TensorSpec(shape: shape, dtype: $0, device: x.device) }
    }

    /// dx = g · 2 (x − mean) / (n − correction); the root: g / (2 std) first, 0 where std is 0. Plus the mean's g / n.
    package var gradient: Gradient {
      .pullback(keeps: isRoot ? [.input(0), .output(0)] : .input(0)) { [self] cotangents, saved in
        let x = saved.input(0)
        let all: [Int]? = dims.dims.isEmpty ? nil : dims.dims
        let count = Double(dims.count(of: x.shape))
        var result: Tensor?
        if var g = cotangents[0] {
          if isRoot {
            let std = saved.output(0)
            g = Elementwise.select(std .== 0, Scalar.float(0), g / (std * 2))
          }
          let scale = 2 / Swift.max(0, count - correction)
          result = dims.broadcastable(g, x.shape) * scale * (x - x.mean(dim: all, keepDim: true))
        }
        if withMean, let g = cotangents[1] {
          let part = dims.expanded(g / count, x.shape)
          result = result.map { $0 + part } ?? part
        }
        return [result]
      }
    }
  }
}

extension Tensor {
  private func variance(
    _ op: String, isRoot: Bool, withMean: Bool, _ dim: (any Dims)?, _ correction: Double, _ keepDim: Bool
  ) -> [Tensor] {
    attempt(like: self, count: 2) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: op)
      return apply(
        Primitives.Variance(name: op, isRoot: isRoot, withMean: withMean, dims: dims, correction: correction), [self])
    }
  }

  /// The variance over `dim` (default: everything): the sum of squares is divided by n − correction.
  /// SeeAlso: torch.var
  public func `var`(dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    variance("var", isRoot: false, withMean: false, dim, correction, keepDim)[0]
  }

  /// The standard deviation over `dim` (default: everything). SeeAlso: torch.std
  public func std(dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false) -> Tensor {
    variance("std", isRoot: true, withMean: false, dim, correction, keepDim)[0]
  }

  /// Variance and mean in one pass. SeeAlso: torch.var_mean
  public func varMean(
    dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false
  ) -> (variance: Tensor, mean: Tensor) {
    let results = variance("varMean", isRoot: false, withMean: true, dim, correction, keepDim)
    return (results[0], results[1])
  }

  /// Standard deviation and mean in one pass. SeeAlso: torch.std_mean
  public func stdMean(
    dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false
  ) -> (std: Tensor, mean: Tensor) {
    let results = variance("stdMean", isRoot: true, withMean: true, dim, correction, keepDim)
    return (results[0], results[1])
  }
}
