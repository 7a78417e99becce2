import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A module that computes a parameter from others: `layer.$weight.parametrize { WeightNorm($0) }`.
/// SeeAlso: torch.nn.utils.parametrize
public protocol Parametrization: Module {
  /// The parameter.
  func value() -> Tensor
  /// Whether the parts appear beside the parameter's place, as `weight_g`, instead of below `parametrizations`.
  var isInline: Bool { get }
}

extension Parametrization {
  public var isInline: Bool { false }
}

/// A weight as lengths times directions. SeeAlso: torch.nn.utils.parametrizations.weight_norm
public class WeightNorm: Module, Parametrization {
  @Parameter public var original0: Tensor
  @Parameter public var original1: Tensor
  public var isInline: Bool { false }
  private let dim: Int?

  /// Each slice along `dim` has a length of its own; nil: one for all.
  public init(_ weight: Tensor, dim: Int? = 0) {
    self.dim = dim.map { $0 < 0 ? $0 + weight.rank : $0 }
    original0 = WeightNorm.lengths(weight, self.dim)
    original1 = weight
  }

  private static func lengths(_ weight: Tensor, _ dim: Int?) -> Tensor {
    guard let dim else { return weight.vectorNorm() }
    return weight.vectorNorm(dim: (0..<weight.rank).filter { $0 != dim }, keepDim: true)
  }

  public func value() -> Tensor { original1 * (original0 / WeightNorm.lengths(original1, dim)) }
}

/// `WeightNorm` under the names of older checkpoints, `weight_g` and `weight_v`. SeeAlso: torch.nn.utils.weight_norm
public final class InlineWeightNorm: WeightNorm {
  public override class var stateKeys: [String: String] { ["original0": "g", "original1": "v"] }
  public override var isInline: Bool { true }
}

/// A weight divided by its largest singular value. SeeAlso: torch.nn.utils.parametrizations.spectral_norm
public final class SpectralNorm: Module, Parametrization {
  @Parameter public var original: Tensor
  private let iterations: [PowerIteration]
  private let count: Int

  public init(_ weight: Tensor, nPowerIterations: Int = 1, eps: Double = 1e-12, dim: Int = 0) {
    original = weight
    count = nPowerIterations
    iterations = weight.rank > 1 ? [PowerIteration(weight, dim: dim, eps: eps)] : []
    super.init()
    iterations.first?.run(weight, 15)
  }

  public override class var stateKeys: [String: String] { ["iterations": ""] }

  public func value() -> Tensor {
    guard let iteration = iterations.first else { return original / original.vectorNorm().clamp(min: 1e-12) }
    if isTraining { iteration.run(original.detached(), count) }
    return original / iteration.largestSingularValue(original)
  }

  /// The singular vectors that belong to the largest singular value, nearly.
  private final class PowerIteration: Module {
    @Buffer var u: Tensor
    @Buffer var v: Tensor
    let dim: Int
    let eps: Double

    init(_ weight: Tensor, dim: Int, eps: Double) {
      self.dim = dim
      self.eps = eps
      let rows = weight.shape[dim]
      let spec = weight.spec
      func unit(_ count: Int) -> Tensor {
        let x = Draw.normal(TensorSpec(shape: [count], dtype: spec.dtype, device: spec.device), 0, 1, nil)
        return x / x.vectorNorm().clamp(min: eps)
      }
      u = unit(rows)
      v = unit(weight.elementCount / max(rows, 1))
    }

    override class var stateKeys: [String: String] { ["u": "_u", "v": "_v"] }

    private func matrix(_ weight: Tensor) -> Tensor { weight.movedim(dim, 0).flatten(startDim: 1) }

    func run(_ weight: Tensor, _ count: Int) {
      noGrad {
        let m = matrix(weight)
        func unit(_ x: Tensor) -> Tensor { x / x.vectorNorm().clamp(min: eps) }
        for _ in 0..<count {
          u = unit(m.matmul(v))
          v = unit(m.T.matmul(u))
        }
      }
    }

    func largestSingularValue(_ weight: Tensor) -> Tensor { u.dot(matrix(weight).matmul(v)) }
  }
}

/// `SpectralNorm` under the names of older checkpoints, `weight_orig`, `weight_u` and `weight_v`.
/// SeeAlso: torch.nn.utils.spectral_norm
public final class InlineSpectralNorm: Module, Parametrization {
  @Parameter public var orig: Tensor
  @Buffer var u: Tensor
  @Buffer var v: Tensor
  private let count: Int
  private let eps: Double
  private let dim: Int

  public init(_ weight: Tensor, nPowerIterations: Int = 1, eps: Double = 1e-12, dim: Int = 0) {
    orig = weight
    (count, self.eps, self.dim) = (nPowerIterations, eps, dim)
    let rows = weight.shape[dim < 0 ? dim + weight.rank : dim]
    let spec = weight.spec
    func unit(_ count: Int) -> Tensor {
      let x = Draw.normal(TensorSpec(shape: [count], dtype: spec.dtype, device: spec.device), 0, 1, nil)
      return x / x.vectorNorm().clamp(min: eps)
    }
    u = unit(rows)
    v = unit(weight.elementCount / max(rows, 1))
  }

  public var isInline: Bool { true }

  public func value() -> Tensor {
    func matrix(_ weight: Tensor) -> Tensor { weight.movedim(dim, 0).flatten(startDim: 1) }
    if isTraining {
      noGrad {
        let m = matrix(orig.detached())
        func unit(_ x: Tensor) -> Tensor { x / x.vectorNorm().clamp(min: eps) }
        for _ in 0..<count {
          v = unit(m.T.matmul(u))
          u = unit(m.matmul(v))
        }
      }
    }
    return orig / u.dot(matrix(orig).matmul(v))
  }
}
