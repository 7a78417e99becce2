import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Zeros of the base's shape with a view of them filled: the adjoint of every view.
  ///
  /// Where the view names an element several times (unfold), the values add up.
  package struct ViewAdjoint<Original: ViewPrimitive>: Primitive {
    package let view: Original
    package let base: TensorSpec

    package static var name: String { "\(Original.name)_adjoint" }
    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("shape", base.shape.description)] + view.attributes }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: base.shape, dtype: base.dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let out = outputs[0]
      out.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: out.elementCount * base.dtype.byteSize)
      let layout = try view.layout(of: Layout(base.shape))
      let dtype = view.viewDType(of: base.dtype)
      let target = out.pointer + layout.offset * dtype.byteSize
      let x = inputs[0]
      if layout.mayOverlap {
        Strided.accumulate(x.pointer, x.strides, into: target, layout.strides, over: layout.shape, dtype)
      } else {
        Strided.copy(x.pointer, x.dtype, x.strides, to: target, dtype, layout.strides, over: layout.shape)
      }
    }

    /// The places that the view sees, as the view of an array of places; there the values are added.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      guard let places = view.places(in: base.shape, base.dtype, x.device) else { return nil }
      let zeros = Tensor.zeros([base.shape.elementCount], dtype: base.dtype, device: x.device)
      let sum = zeros.scatterAdd(dim: 0, index: places.reshape([-1]), src: x.reshape([-1]))
      return [sum.reshape(base.shape)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [view] cotangents, _ in [cotangents[0].map { apply(view, $0.contiguous()) }] }
    }
  }
}

extension Primitives {
  /// A copy of the base (input 0) in which a view is replaced by the values of input 1.
  package struct EmbedView<Original: ViewPrimitive>: Primitive {
    package let view: Original

    package static var name: String { "\(Original.name)_scatter" }
    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var donates: Kept { .input(0) }
    package var attributes: [(String, String)] { view.attributes }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let target = try view.layout(of: Layout(inputs[0].shape)).shape
      guard Shape.broadcast(inputs[1].shape, target) == target else {
        throw OpError(name, "values \(inputs[1]) do not fit the view \(target) of \(inputs[0])")
      }
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (base, source, out) = (inputs[0], inputs[1], outputs[0])
      base.copyUnlessDonated(to: out)
      try write(source, into: out)
    }

    /// Replaces the view of `target`, which may itself be strided.
    package func write(_ source: HostView, into target: MutableHostView) throws(OpError) {
      let layout = try view.layout(of: target.layout)
      let dtype = view.viewDType(of: target.dtype)
      guard let strides = source.layout.expanded(to: layout.shape)?.strides else {
        throw OpError(name, "values of shape \(source.shape) do not fit the view \(layout.shape)")
      }
      CopiedBytes.add(layout.shape.elementCount * dtype.byteSize)
      Strided.copy(
        source.pointer, source.dtype, strides, to: target.pointer + layout.offset * dtype.byteSize, dtype,
        layout.strides,
        over: layout.shape)
    }

    // The view's share of the gradient goes to the values, the rest to the base.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let base = inputs[0]
      guard let places = view.places(in: base.shape, base.dtype, base.device) else { return nil }
      let values = inputs[1].expanded(to: places.shape).reshape([-1])
      return [base.reshape([-1]).scatter(dim: 0, index: places.reshape([-1]), src: values).reshape(base.shape)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let values = saved.spec(1)
        let dtype = view.viewDType(of: g.dtype)
        return [
          saved.needs(0)
            ? apply(self, g, Tensor.full([], 0, dtype: dtype, device: g.device)) : nil,
          saved.needs(1) ? apply(view, g.contiguous()).summed(to: values.shape).to(values.dtype) : nil,
        ]
      }
    }
  }
}

extension ViewPrimitive {
  /// The gradient of a view whose inverse is not a view: the cotangent laid into zeros.
  var adjointGradient: Gradient {
    .pullback(keeps: .nothing) { cotangents, saved in
      [cotangents[0].map { apply(Primitives.ViewAdjoint(view: self, base: saved.spec(0)), $0) }]
    }
  }
}

extension ViewPrimitive {
  /// The numbers, in a tensor of that shape, of the elements that the view sees; nil if it sees parts of elements.
  fileprivate func places(in shape: Shape, _ dtype: DType, _ device: Device) -> Tensor? {
    guard viewDType(of: dtype) == dtype else { return nil }
    return apply(self, Tensor.arange(shape.elementCount, device: device).reshape(shape))
  }
}
