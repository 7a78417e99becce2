import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The elements at positions of the flattened tensor. SeeAlso: torch.take
  public func take(_ index: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in apply(Primitives.Take(), self, try index.asIndex("take")) }
  }

  /// A copy with `source` at (or added to) positions of the flattened tensor. SeeAlso: torch.put
  public func put(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard source.dtype == dtype, source.elementCount == index.elementCount else {
        throw OpError("put", "source must have as many elements as index and our dtype: \(index.spec) × \(source.spec)")
      }
      return apply(
        Primitives.Put(accumulates: accumulate), [self, try index.asIndex("put"), source.reshape(index.shape)])[0]
    }
  }
}

extension Primitives {
  /// Elements at flat positions.
  package struct Take: Primitive {
    package static let name = "take"

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].shape.elementCount > 0 || inputs[1].shape.elementCount == 0 else {
        throw OpError("take", "cannot take from an empty tensor: \(inputs[0]) × \(inputs[1])")
      }
      return [TensorSpec(shape: inputs[1].shape, dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, index, out) = (inputs[0], inputs[1], outputs[0])
      let n = Int64(x.elementCount)
      let bad = runChecked(Int64(index.elementCount), grain: 16384) { begin, end in
        fb_take(x.itemSize, x.pointer, n, index.int64s, out.pointer, begin, end)
      }
      if bad >= 0 {
        throw OpError("take", "index \(index.int64s[Int(bad)]) is out of range for \(n) elements")
      }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0].reshape([-1])
      return [apply(Primitives.Index(plan: IndexPlan(dims: [0], isFront: false)), x, inputs[1])]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let zeros = Tensor.zeros(saved.spec(0).shape, dtype: g.dtype, device: g.device)
        return [zeros.put(saved.input(1), g, accumulate: true), nil]
      }
    }
  }
}

extension Primitives {
  /// Values at flat positions. Inputs: base, index, source.
  package struct Put: Primitive {
    package static let name = "put"
    package let accumulates: Bool

    package var families: DType.Family { accumulates ? .unsigned : .all }
    package var donates: Kept { .input(0) }
    package var attributes: [(String, String)] { [("accumulate", "\(accumulates)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, index, out) = (inputs[0], inputs[1], outputs[0])
      x.copyUnlessDonated(to: out)
      CopiedBytes.add(inputs[2].byteCount)
      let n = Int64(x.elementCount)
      let bad = fb_put(
        x.code, accumulates, out.pointer, n, index.int64s, Int64(index.elementCount), inputs[2].pointer)
      if bad >= 0 { throw OpError("put", "index \(index.int64s[Int(bad)]) is out of range for \(n) elements") }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let put = Primitives.IndexPut(plan: IndexPlan(dims: [0], isFront: false), accumulates: accumulates)
      return [apply(put, inputs[0].reshape([-1]), inputs[2], inputs[1]).reshape(inputs[0].shape)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        let index = saved.input(1)
        let zeros = Tensor.zeros(index.shape, dtype: g.dtype, device: g.device)
        return [accumulates ? g : g.put(index, zeros), nil, saved.needs(2) ? g.take(index) : nil]
      }
    }
  }
}
