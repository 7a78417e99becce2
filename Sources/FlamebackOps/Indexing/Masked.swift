import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// A copy with `value` where the mask, which is broadcast, is true. SeeAlso: torch.masked_fill
  public func maskedFill(_ mask: Tensor, _ value: some TensorOperand) -> Tensor {
    guard mask.dtype == .bool else {
      return fail("maskedFill", "the mask must be a bool tensor, got \(mask.spec)", like: spec)
    }
    switch value.operand {
    case .tensor(let tensor):
      guard tensor.rank == 0, !tensor.dtype.isComplex || dtype.isComplex else {
        return fail("maskedFill", "the value must be a number or a 0-d tensor, got \(tensor.spec)", like: spec)
      }
      return Elementwise.select.call([.tensor(mask), .tensor(tensor.to(dtype)), .tensor(self)])
    case .scalar(let scalar):
      guard scalar.category != .complex || dtype.isComplex else {
        return fail("maskedFill", "a complex value does not fit \(spec)", like: spec)
      }
      let fitting: Scalar =
        switch dtype.category {
        case .bool: .bool(scalar.bool)
        case .integer: .int(scalar.int)
        case .floating, .complex: scalar
        }
      return Elementwise.select.call([.tensor(mask), .scalar(fitting), .tensor(self)], dtype: dtype)
    }
  }

  /// The elements where the mask is true, in one dimension; tensor and mask are broadcast. SeeAlso: torch.masked_select
  public func maskedSelect(_ mask: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard mask.dtype == .bool else { throw OpError("maskedSelect", "the mask must be a bool tensor: \(mask.spec)") }
      let shape = try broadcastShapes([self.shape, mask.shape], op: "maskedSelect")
      let places = mask.withoutHistory.expanded(to: shape)
      return apply(Primitives.MaskedSelect(count: places.nonzeroCount), expanded(to: shape), places)
    }
  }

  /// A copy with the elements of `source`, in order, where the mask is true. SeeAlso: torch.masked_scatter
  public func maskedScatter(_ mask: Tensor, _ source: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard mask.dtype == .bool, source.dtype == dtype else {
        throw OpError("maskedScatter", "expects a bool mask and a source of our dtype: \(mask.spec) × \(source.spec)")
      }
      let shape = try broadcastShapes([self.shape, mask.shape], op: "maskedScatter")
      return apply(Primitives.MaskedScatter(), [expanded(to: shape), mask.withoutHistory.expanded(to: shape), source])[
        0]
    }
  }

  /// How many elements are not 0, counted on the host.
  var nonzeroCount: Int {
    let code = fb_dtype(dtype.rawValue)
    return withHostBytes { bytes in Int(fb_count_nonzero(code, bytes.baseAddress, 0, Int64(elementCount))) }
  }
}

extension Primitives {
  /// The elements where a mask is true.
  package struct MaskedSelect: Primitive {
    package static let name = "masked_select"
    package let count: Int

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: [count], dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, mask) = (inputs[0], inputs[1].pointer.assumingMemoryBound(to: Bool.self))
      guard fb_count_nonzero(fb_dtype(DType.bool.rawValue), mask, 0, Int64(x.elementCount)) == count else {
        throw OpError(name, "the mask has another number of true elements than the \(count) recorded")
      }
      fb_masked_select(x.itemSize, x.pointer, mask, Int64(x.elementCount), outputs[0].pointer)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let places = apply(Primitives.Nonzero(count: count), inputs[1].reshape([-1])).reshape([count])
      return [apply(Primitives.Take(), inputs[0], places)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let zeros = Tensor.zeros(saved.spec(0).shape, dtype: g.dtype, device: g.device)
        return [zeros.maskedScatter(saved.input(1), g), nil]
      }
    }
  }
}

extension Primitives {
  /// Elements in order where a mask is true. Inputs: base, mask, source.
  package struct MaskedScatter: Primitive {
    package static let name = "masked_scatter"

    package var families: DType.Family { .all }
    package var donates: Kept { .input(0) }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, source, out) = (inputs[0], inputs[2], outputs[0])
      x.copyUnlessDonated(to: out)
      let needed = fb_masked_scatter(
        x.itemSize, out.pointer, inputs[1].pointer.assumingMemoryBound(to: Bool.self), Int64(x.elementCount),
        source.pointer, Int64(source.elementCount))
      CopiedBytes.add(min(Int(needed), source.elementCount) * x.dtype.byteSize)
      guard needed <= source.elementCount else {
        throw OpError(
          "maskedScatter", "the mask is true at \(needed) places but source has \(source.elementCount) elements")
      }
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        let mask = saved.input(1)
        let source = saved.spec(2).shape
        var values: Tensor?
        if saved.needs(2) {
          let used = g.maskedSelect(mask)
          values = used.constantPad([0, source.elementCount - used.elementCount]).reshape(source)
        }
        return [saved.needs(0) ? g.maskedFill(mask, 0) : nil, nil, values]
      }
    }
  }
}
