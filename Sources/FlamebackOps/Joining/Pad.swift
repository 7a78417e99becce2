import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// `value` around the tensor: `padding` counts before and after the last dimension, then the one before it, and so on;
  /// negative numbers cut. SeeAlso: torch.nn.functional.pad with mode "constant"
  public func constantPad(_ padding: [Int], value: Scalar = 0) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard padding.count % 2 == 0, padding.count <= 2 * rank else {
        throw OpError("pad", "expects pairs for at most \(rank) dimensions, got \(padding) for \(spec)")
      }
      var inner = self
      var start = [Int](repeating: 0, count: rank)
      var target = shape
      for i in 0..<(padding.count / 2) {
        let d = rank - 1 - i
        let (before, after) = (padding[2 * i], padding[2 * i + 1])
        target[d] = try sized("pad") { CheckedInt(target[d]) + before + after }
        guard target[d] >= 0 else {
          throw OpError("pad", "padding \(padding) makes the size of dim \(d) negative: \(spec)")
        }
        start[d] = Swift.max(before, 0)
        let size = inner.shape[d]
        let cut = before < -size ? size : Swift.max(-before, 0)
        let cutAfter = after < -size ? size : Swift.max(-after, 0)
        inner = inner.sliced(d, cut, Swift.max(size - cut - cutAfter, 0), 1)
      }
      return apply(Primitives.ConstantPad(start: start, shape: target, value: value), inner)
    }
  }
}

extension Primitives {
  /// A part of every dimension.
  package struct Region: ViewPrimitive {
    package static let name = "region"
    package let start: [Int]
    package let shape: Shape

    package func layout(of input: Layout) throws(OpError) -> Layout {
      let offset = zip(start, input.strides).reduce(input.offset) { $0 + $1.0 * $1.1 }
      return Layout(shape: shape, strides: input.strides, offset: offset)
    }

    package var attributes: [(String, String)] { [("start", start.description), ("shape", shape.description)] }
    package var gradient: Gradient { adjointGradient }
  }
}

extension Primitives {
  /// A larger tensor full of one number around the input.
  package struct ConstantPad: Primitive {
    package static let name = "constant_pad"
    package let start: [Int]
    package let shape: Shape
    package let value: Scalar

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("start", start.description), ("shape", shape.description)] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: shape, dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      if x.shape != shape { Strided.fill(out.pointer, out.dtype, nil, over: shape, value) }
      if x.elementCount == 0 { return }
      let layout = try Primitives.Region(start: start, shape: x.shape).layout(of: Layout(shape))
      Strided.copy(
        x.pointer, x.dtype, x.strides, to: out.pointer + layout.offset * x.dtype.byteSize, x.dtype, layout.strides,
        over: x.shape)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let full = Tensor.full(shape, value, dtype: x.dtype, device: x.device)
      return [apply(EmbedView(view: Region(start: start, shape: x.shape)), full, x)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [start] cotangents, saved in
        [cotangents[0].map { apply(Primitives.Region(start: start, shape: saved.spec(0).shape), $0) }]
      }
    }
  }
}
