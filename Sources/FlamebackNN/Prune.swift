import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Sets parts of a parameter to zero for good: `Prune.l1Unstructured(layer.$weight, amount: .fraction(0.3))`.
/// SeeAlso: torch.nn.utils.prune
public enum Prune {
  /// How much is pruned.
  public enum Amount: Sendable {
    case count(Int)
    case fraction(Double)

    func count(of size: Int) -> Int {
      switch self {
      case .count(let count): count
      case .fraction(let fraction): Int((fraction * Double(size)).rounded(.toNearestOrEven))
      }
    }
  }

  /// A parameter times a mask; in the state dict `weight_orig` and `weight_mask`.
  final class Masked: Module, Parametrization {
    @Parameter var orig: Tensor
    @Buffer var mask: Tensor

    init(_ value: Tensor, _ mask: Tensor) {
      orig = value
      self.mask = mask
    }

    var isInline: Bool { true }
    func value() -> Tensor { orig * mask }
  }

  /// Keeps what the mask keeps, of what earlier masks kept. SeeAlso: torch.nn.utils.prune.custom_from_mask
  public static func customFromMask(_ parameter: ParameterCell, mask: Tensor) {
    guard mask.shape == parameter.shape else {
      return report(OpError("prune", "the mask \(mask.spec) does not fit the parameter \(parameter.tensor.spec)"))
    }
    let mask = mask.to(parameter.dtype)
    if let masked = parameter.parametrization as? Masked {
      masked.mask = masked.mask * mask
    } else {
      parameter.parametrize { Masked($0, mask) }
    }
  }

  /// Prunes the elements of the smallest absolute values. SeeAlso: torch.nn.utils.prune.l1_unstructured
  public static func l1Unstructured(_ parameter: ParameterCell, amount: Amount) {
    let scores = parameter.tensor.detached().abs().scalars(Double.self)
    prune(parameter, scores, amount) { $0 }
  }

  /// Prunes random elements. SeeAlso: torch.nn.utils.prune.random_unstructured
  public static func randomUnstructured(_ parameter: ParameterCell, amount: Amount) {
    let spec = TensorSpec(shape: parameter.shape, dtype: .float32)
    prune(parameter, Draw.uniform(spec, 0, 1, nil).scalars(Double.self), amount) { $0 }
  }

  /// Prunes the slices along `dim` of the smallest n-norms. SeeAlso: torch.nn.utils.prune.ln_structured
  public static func lnStructured(_ parameter: ParameterCell, amount: Amount, n: Double, dim: Int) {
    let value = parameter.tensor.detached()
    guard value.rank > 1, (-value.rank..<value.rank).contains(dim) else {
      return report(OpError("prune", "dim \(dim) is no dimension of several in \(value.spec)"))
    }
    let dim = dim < 0 ? dim + value.rank : dim
    let norms = value.vectorNorm(ord: n, dim: (0..<value.rank).filter { $0 != dim }).scalars(Double.self)
    let stride = value.shape.contiguousStrides[dim]
    prune(parameter, norms, amount) { $0 / stride % value.shape[dim] }
  }

  /// Makes the pruned value an ordinary parameter again. SeeAlso: torch.nn.utils.prune.remove
  public static func remove(_ parameter: ParameterCell) { parameter.removeParametrization() }

  /// Masks the units of the lowest scores; `unit` tells to which one an element belongs.
  private static func prune(
    _ parameter: ParameterCell, _ scores: [Double], _ amount: Amount, _ unit: (Int) -> Int
  ) {
    let kept = (parameter.parametrization as? Masked)?.mask.scalars(Double.self)
    var candidates = Set(scores.indices)
    if let kept {
      candidates = Set(kept.indices.filter { kept[$0] != 0 }.map(unit))
    }
    let count = amount.count(of: candidates.count)
    guard count >= 0, count <= candidates.count else {
      return report(OpError("prune", "cannot prune \(count) of \(candidates.count) units"))
    }
    let order = candidates.sorted { (scores[$0], $0) < (scores[$1], $1) }
    let pruned = Set(order.prefix(count))
    let elements = (0..<parameter.shape.elementCount).map { pruned.contains(unit($0)) ? Float(0) : 1 }
    customFromMask(parameter, mask: Tensor(elements, shape: parameter.shape))
  }
}
