import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Parts of the tensor: `x[0]`, `x[1..., 0]`, `x[.ellipsis, 2]`, `x[.every(2)]`, `x[mask]`, `x[indices, .newAxis]`.
  ///
  /// Integers, ranges and new axes give views; index and mask tensors copy, with NumPy's rules. Assigning changes this
  /// variable only. SeeAlso: torch.Tensor.__getitem__, torch.Tensor.__setitem__
  public subscript(_ indices: any TensorIndex...) -> Tensor {
    get { indexed(by: indices) }
    set { assign(newValue, at: indices) }
  }

  /// `x[..., 0]`: whole dimensions in front, as Python's `...` means.
  public subscript(_ whole: UnboundedRange, _ indices: any TensorIndex...) -> Tensor {
    get { indexed(by: [IndexItem.rest] + indices) }
    set { assign(newValue, at: [IndexItem.rest] + indices) }
  }

  /// A number to parts of the tensor: `x[0] = 1`.
  @_disfavoredOverload
  public subscript(_ indices: any TensorIndex...) -> Scalar {
    get { indexed(by: indices).item() }
    set { assign(newValue, at: indices) }
  }

  /// A number to parts of the tensor: `x[..., 0] = 1`.
  @_disfavoredOverload
  public subscript(_ whole: UnboundedRange, _ indices: any TensorIndex...) -> Scalar {
    get { indexed(by: [IndexItem.rest] + indices).item() }
    set { assign(newValue, at: [IndexItem.rest] + indices) }
  }

  /// The subscript for an index expression made at run time.
  public func indexed(by indices: [any TensorIndex]) -> Tensor {
    attempt(like: self) { () throws(OpError) in try ResolvedIndex(indices, of: self).reading(self) }
  }

  /// The subscript's assignment of a number for an index expression made at run time.
  public mutating func assign(_ value: Scalar, at indices: [any TensorIndex]) {
    guard value.category != .complex || dtype.isComplex else {
      return report(OpError("setIndex", "a complex number does not fit \(spec)"))
    }
    assign(Tensor.full([], value, dtype: dtype, device: device), at: indices)
  }

  /// The subscript's assignment for an index expression made at run time.
  public mutating func assign(_ values: Tensor, at indices: [any TensorIndex]) {
    let slot = body.slot
    let records = Context.isGradEnabled && (requiresGrad || values.requiresGrad)
    do throws(OpError) {
      let resolved = try ResolvedIndex(indices, of: self)
      guard !values.dtype.isComplex || dtype.isComplex else {
        throw OpError("setIndex", "complex values \(values.spec) do not fit \(spec)")
      }
      let new = values.to(dtype).to(device)
      if !records && device.isHost && !Context.isTracing && !layout.mayOverlap && isUniquelyHeld() {
        try resolved.overwrite(self, with: new.withoutHistory)
        return
      }
      if let mask = resolved.soleMask, new.elementCount == 1 {
        let wide = Shape(mask.shape.array + Array(repeating: 1, count: rank - mask.rank))
        self = maskedFill(mask.to(.bool).reshaped(wide), new.reshaped([]))
      } else {
        self = try resolved.replacing(in: self, with: new)
      }
      // A leaf that is changed outside the graph stays the leaf it was.
      if let slot, !records { self = withSlot(slot) }
    } catch {
      report(error)
      self = .poisoned(spec)
    }
  }
}
