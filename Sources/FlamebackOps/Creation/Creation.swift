import FlamebackCore
import FlamebackKernels

/// An operation without inputs that makes a new tensor, where the caller asked for it. Its numbers depend on the
/// operation alone, so a graph that is exported or folded has them as constants.
package protocol Creation: Primitive {
  /// Shape, dtype and device of the result.
  var spec: TensorSpec { get }
  /// Writes the elements.
  func fill(_ out: HostView) throws(OpError)
}

extension Creation {
  package var families: DType.Family { .all }
  package var destination: Device? { spec.device }
  package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [spec] }

  package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    try fill(outputs[0])
  }

  package var attributes: [(String, String)] { [("dtype", "\(spec.dtype)"), ("shape", "\(spec.shape)")] }
  package var gradient: Gradient { .none(because: "a new tensor depends on nothing") }
}

extension Creation {
  /// The tensor, asking for a gradient if the caller wants that.
  func made(requiresGrad: Bool = false) -> Tensor {
    let tensor = apply(self)
    return requiresGrad ? tensor.requiringGrad() : tensor
  }
}
