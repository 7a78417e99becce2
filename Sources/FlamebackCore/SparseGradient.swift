/// A gradient of which only some rows are stored: what sparse embeddings leave in a leaf.
package protocol SparseGradient: Sendable {
  /// The sum; nil if the other is of another kind.
  func adding(_ other: any SparseGradient) -> (any SparseGradient)?
  func toDense() -> Tensor
}
