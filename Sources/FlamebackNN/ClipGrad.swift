import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Something that has a gradient: a parameter, or a leaf tensor.
public protocol GradientHolder {
  /// The accumulated gradient.
  var grad: Tensor? { get nonmutating set }
  /// Changes the gradient if there is one; what holds it lets go of it meanwhile, so that it can be written over.
  func updateGrad(_ body: (inout Tensor) -> Void)
}

extension GradientHolder {
  public func updateGrad(_ body: (inout Tensor) -> Void) {
    guard var gradient = grad else { return }
    grad = nil
    body(&gradient)
    grad = gradient
  }
}

extension ParameterCell: GradientHolder {
  public func updateGrad(_ body: (inout Tensor) -> Void) { slot.update(body) }
}

extension Tensor: GradientHolder {
  public func updateGrad(_ body: (inout Tensor) -> Void) { gradSlot?.update(body) }
}

/// The norm of all gradients together. SeeAlso: torch.nn.utils.get_total_norm
public func totalNorm(_ tensors: [Tensor], normType: Double = 2, errorIfNonfinite: Bool = false) -> Tensor {
  guard let first = tensors.first else { return .zeros([]) }
  let norms = tensors.map { $0.vectorNorm(ord: normType).to(first.device) }
  let total = Tensor.stack(norms).vectorNorm(ord: normType)
  if errorIfNonfinite, !total.itemDouble().isFinite {
    return fail("clipGradNorm", "the norm of order \(normType) of the gradients is not finite", like: total.spec)
  }
  return total
}

/// Scales the gradients down so that their norm together is at most `maxNorm`; the norm before.
/// SeeAlso: torch.nn.utils.clip_grad_norm_
@discardableResult
public func clipGradNorm<Holder: GradientHolder>(
  _ parameters: [Holder], maxNorm: Double, normType: Double = 2, errorIfNonfinite: Bool = false
) -> Tensor {
  noGrad {
    let total = totalNorm(parameters.compactMap(\.grad), normType: normType, errorIfNonfinite: errorIfNonfinite)
    if total.isPoisoned { return total }  // nothing changes
    clipGrads(parameters, maxNorm: maxNorm, totalNorm: total)
    return total
  }
}

/// Scales the gradients by `maxNorm / totalNorm` where that is below 1. SeeAlso: torch.nn.utils.clip_grads_with_norm_
public func clipGrads<Holder: GradientHolder>(_ parameters: [Holder], maxNorm: Double, totalNorm: Tensor) {
  noGrad {
    let factor = (maxNorm / (totalNorm + 1e-6)).clamp(max: 1.0)
    for holder in parameters {
      holder.updateGrad { gradient in
        let dtype = gradient.dtype
        gradient *= factor.to(gradient.device)
        gradient = gradient.to(dtype)  // a 0-d one takes the wider dtype of the factor
      }
    }
  }
}

/// Cuts every element of the gradients to [-clipValue, clipValue]. SeeAlso: torch.nn.utils.clip_grad_value_
public func clipGradValue<Holder: GradientHolder>(_ parameters: [Holder], clipValue: Double) {
  noGrad {
    change(parameters) { $0.clamp(min: -clipValue, max: clipValue) }
  }
}

/// Replaces all gradients by what `body` makes of them, or none where it fails for one.
private func change<Holder: GradientHolder>(_ holders: [Holder], _ body: (Tensor) -> Tensor) {
  let changed = holders.map { $0.grad.map(body) }
  if changed.contains(where: { $0?.isPoisoned == true }) { return }
  for (holder, grad) in zip(holders, changed) { if let grad { holder.grad = grad } }
}

/// All values in one vector. SeeAlso: torch.nn.utils.parameters_to_vector
public func parametersToVector(_ parameters: [ParameterCell]) -> Tensor { parametersToVector(parameters.map(\.tensor)) }

/// All values in one vector. SeeAlso: torch.nn.utils.parameters_to_vector
public func parametersToVector(_ tensors: [Tensor]) -> Tensor { Tensor.cat(tensors.map { $0.reshape(-1) }) }

/// The values back from one vector. SeeAlso: torch.nn.utils.vector_to_parameters
public func vectorToParameters(_ vector: Tensor, _ parameters: [ParameterCell]) {
  let counts = parameters.map(\.tensor.elementCount)
  guard vector.rank == 1, vector.shape[0] == counts.reduce(0, +) else {
    let message = "\(vector.spec) does not hold the \(counts.reduce(0, +)) elements of the parameters"
    return report(OpError("vectorToParameters", message))
  }
  for (cell, part) in zip(parameters, vector.detached().split(counts)) {
    cell.tensor = part.view(cell.shape).clone()
  }
}
