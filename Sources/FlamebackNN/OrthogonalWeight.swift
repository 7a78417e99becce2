import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A weight with orthonormal columns (rows, if it is wide): a fixed orthogonal matrix times one that is made from any
/// matrix and starts as the identity. SeeAlso: torch.nn.utils.parametrizations.orthogonal
public final class OrthogonalWeight: Module, Parametrization {
  /// How an orthogonal matrix is made from the triangle of any matrix.
  public enum Map: String, Sendable {
    /// The exponential of its antisymmetric part.
    case matrixExp = "matrix_exp"
    /// (1 + A/2) / (1 − A/2) of that part.
    case cayley
    /// A product of reflections.
    case householder
  }

  @Parameter public var original: Tensor
  private let bases: [Base]
  private let map: Map

  /// By default the exponential for square matrices and reflections for others.
  public init(_ weight: Tensor, map: Map? = nil) {
    let isSquare = weight.rank >= 2 && weight.shape[weight.rank - 1] == weight.shape[weight.rank - 2]
    self.map = map ?? (isSquare || weight.dtype.isComplex ? .matrixExp : .householder)
    guard weight.rank >= 2 else {
      report(OpError("orthogonal", "expected a matrix or more dimensions, got \(weight.spec)"))
      original = weight
      bases = []
      return
    }
    let identity = Tensor.eye(weight.shape[weight.rank - 2], weight.shape[weight.rank - 1], dtype: weight.dtype)
    original = (-identity).to(weight.device).expand(weight.shape).contiguous()
    bases = [Base(noGrad { OrthogonalWeight.completed(OrthogonalWeight.tall(weight.detached())) })]
  }

  public override class var stateKeys: [String: String] { ["bases": ""] }

  private static func tall(_ x: Tensor) -> Tensor { x.shape[x.rank - 2] < x.shape[x.rank - 1] ? x.mT : x }

  /// A square orthogonal matrix that begins with the directions of these columns.
  private static func completed(_ x: Tensor) -> Tensor {
    let (n, k) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
    var whole = x
    if n > k {
      let shape = Shape(Array(x.shape.dropLast()) + [n - k])
      let noise = Draw.normal(TensorSpec(shape: shape, dtype: x.dtype, device: x.device), 0, 1, nil)
      whole = Tensor.cat([x, noise], dim: -1)
    }
    let (q, r) = whole.qr()
    return q * r.diagonal(dim1: -2, dim2: -1).sgn().unsqueeze(-2)
  }

  public func value() -> Tensor {
    guard let base = bases.first?.base else { return original }
    let x = OrthogonalWeight.tall(original)
    let (n, k) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
    var q: Tensor
    if map == .householder {
      let v = x.tril(-1)
      let tau = (v.square().sum(dim: -2) + 1).reciprocal() * 2
      q = v.householderProduct(tau) * x.diagonal(dim1: -2, dim2: -1).detached().trunc().unsqueeze(-2)
    } else {
      let lower = n == k ? x.tril() : x.tril().constantPad([0, n - k])
      let a = lower - lower.mH
      let identity = Tensor.eye(n, dtype: x.dtype, device: x.device)
      q = map == .matrixExp ? a.matrixExp() : (identity - a * 0.5).solve(identity + a * 0.5)
      if n != k { q = q.narrow(dim: -1, start: 0, length: k) }
    }
    q = base.matmul(q)
    return original.shape[original.rank - 2] < original.shape[original.rank - 1] ? q.mT : q
  }

  private final class Base: Module {
    @Buffer var base: Tensor
    init(_ base: Tensor) { self.base = base }
  }
}
