import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The running maximum or minimum and where it was met last.
  package struct RunningExtremum: Primitive {
    package static let name = "cumextremum"
    package let name: String
    package let kind: Scan.Kind
    package let dim: Int

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      if x.dtype.isComplex { throw OpError(name, "complex numbers have no order: \(x)") }
      return [x, TensorSpec(shape: x.shape, dtype: .int64, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      Scan.run(
        kind, x.pointer, x.dtype, shape: x.shape, dim: dim, into: y.pointer, y.dtype,
        indices: outputs[1].pointer.assumingMemoryBound(to: Int64.self))
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    /// dx = the g of all places that took their value from x.
    package var gradient: Gradient {
      .pullback(keeps: .output(1)) { [dim] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let shape = saved.spec(0).shape
        if shape.isEmpty { return [g] }
        return [
          Tensor.zeros(shape, dtype: g.dtype, device: g.device).scatterAdd(dim: dim, index: saved.output(1), src: g)
        ]
      }
    }
  }
}

extension Tensor {
  /// The running maximum along `dim` and where it was met last. SeeAlso: torch.cummax
  public func cummax(dim: Int) -> (values: Tensor, indices: Tensor) {
    let results = scan("cummax", dim) { x, d in
      apply(Primitives.RunningExtremum(name: "cummax", kind: .maximum, dim: d), [x])
    }
    return (results[0], results[1])
  }

  /// The running minimum along `dim` and where it was met last. SeeAlso: torch.cummin
  public func cummin(dim: Int) -> (values: Tensor, indices: Tensor) {
    let results = scan("cummin", dim) { x, d in
      apply(Primitives.RunningExtremum(name: "cummin", kind: .minimum, dim: d), [x])
    }
    return (results[0], results[1])
  }
}
