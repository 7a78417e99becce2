/// A gradient of which only some rows are stored: what sparse embeddings leave in a leaf.
package protocol SparseGradient: Sendable {
  /// The sum; nil if the other is of another kind.
  func adding(_ other: any SparseGradient) -> (any SparseGradient)?
  func toDense() -> Tensor
}

extension GradSlot {
  /// The accumulated gradient without what was stored sparsely.
  package var hasDenseGrad: Bool { dense != nil }

  /// Adds a gradient without making it dense.
  package func accumulate(_ gradient: any SparseGradient) {
    let old = sparse
    if let sum = old.map({ $0.adding(gradient) }) ?? gradient {
      sparse = sum
    } else if let old {
      grad = (dense.map { $0 + old.toDense() } ?? old.toDense()) + gradient.toDense()
    }
  }
}
