import FlamebackKernels

extension Primitives {
  /// A view with dimensions repeated by stride 0.
  package struct Expand: ViewPrimitive {
    package static let name = "expand"
    package let shape: Shape

    package func layout(of input: Layout) throws(OpError) -> Layout {
      guard let layout = input.expanded(to: shape) else {
        throw OpError("expand", "shape \(input.shape) does not expand to \(shape)")
      }
      return layout
    }

    package var attributes: [(String, String)] { [("shape", shape.description)] }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in [cotangents[0]?.summed(to: saved.spec(0).shape)] }
    }
  }
}

extension Primitives {
  /// The sum over the dimensions that broadcasting added or repeated: the adjoint of `expand`.
  package struct SumTo: Primitive {
    package static let name = "sumTo"
    package let shape: Shape
    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard Shape.broadcast(shape, inputs[0].shape) == inputs[0].shape else {
        throw OpError("sumTo", "shape \(inputs[0].shape) does not reduce to \(shape)")
      }
      return [TensorSpec(shape: shape, dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      let extra = x.shape.count - shape.count
      let dims = (0..<x.shape.count).filter { $0 < extra || (shape[$0 - extra] == 1 && x.shape[$0] != 1) }
      Reduction.sum(x.pointer, x.dtype, shape: x.shape, dims: dims, into: outputs[0].pointer, outputs[0].dtype)
    }

    package var attributes: [(String, String)] { [("shape", shape.description)] }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in [cotangents[0]?.expanded(to: saved.spec(0).shape)] }
    }
  }
}

extension Tensor {
  /// The tensor repeated along new leading dimensions and those of size 1, without a copy. SeeAlso: torch.Tensor.expand
  public func expanded(to shape: Shape) -> Tensor {
    shape == self.shape ? self : apply(Primitives.Expand(shape: shape), self)
  }

  /// The sum over the dimensions in which `shape` is smaller. SeeAlso: torch.Tensor.sum_to_size
  public func summed(to shape: Shape) -> Tensor {
    shape == self.shape ? self : apply(Primitives.SumTo(shape: shape), self)
  }
}
