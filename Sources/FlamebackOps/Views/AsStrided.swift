import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Any view of the storage: sizes, strides and offset are taken as they are. SeeAlso: torch.as_strided
  public func asStrided(_ size: some Collection<Int>, _ stride: some Collection<Int>, storageOffset: Int? = nil)
    -> Tensor
  {
    attempt(like: self) { () throws(OpError) in
      let target = try checkedLayout(size, stride, storageOffset, "asStrided")
      return apply(Primitives.AsStrided(input: layout, target: target), self)
    }
  }

  /// A copy in which that view of the storage is replaced by `source`. SeeAlso: torch.as_strided_scatter
  public func asStridedScatter(
    _ source: Tensor, _ size: some Collection<Int>, _ stride: some Collection<Int>, storageOffset: Int? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let target = try checkedLayout(size, stride, storageOffset, "asStridedScatter")
      guard source.shape == target.shape, source.dtype == dtype else {
        throw OpError("asStridedScatter", "expected \(dtype) values of shape \(target.shape), got \(source.spec)")
      }
      return apply(Primitives.AsStridedScatter(input: layout, target: target), self, source)
    }
  }

  private func checkedLayout(
    _ size: some Collection<Int>, _ stride: some Collection<Int>, _ offset: Int?, _ op: String
  ) throws(OpError) -> Layout {
    guard size.count == stride.count else { throw OpError(op, "\(size.count) sizes but \(stride.count) strides") }
    guard size.allSatisfy({ $0 >= 0 }), stride.allSatisfy({ $0 >= 0 }) else {
      throw OpError(op, "sizes and strides must not be negative: \(Array(size)), \(Array(stride))")
    }
    let offset = offset ?? layout.offset
    let target = Layout(shape: Shape(size), strides: Shape(stride), offset: offset)
    guard offset >= 0, offset < 1 << 48, target.shape.checkedElementCount != nil,
      zip(size, stride).allSatisfy({ fits($0, $1) }),
      target.elementCount == 0 || target.storageRange.upperBound * dtype.byteSize <= body.storage.byteCount
    else {
      throw OpError(
        op,
        "sizes \(Array(size)), strides \(Array(stride)), offset \(offset) reach beyond a storage of "
          + "\(body.storage.byteCount) bytes")
    }
    return target
  }

  private func fits(_ size: Int, _ stride: Int) -> Bool {
    let reach = CheckedInt(size) * stride
    return size < 1 << 48 && stride < 1 << 48 && reach.value ?? .max < 1 << 48
  }
}

extension Primitives {
  /// A view of the whole storage. The input's layout tells which of its places are the input's.
  package struct AsStrided: ViewPrimitive {
    package static let name = "as_strided"
    package let input: Layout
    package let target: Layout

    package func layout(of input: Layout) throws(OpError) -> Layout { target }

    package var attributes: [(String, String)] {
      [("size", "\(target.shape)"), ("stride", "\(target.strides)"), ("offset", "\(target.offset)")]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [input, target] cotangents, _ in
        [cotangents[0].map { apply(Primitives.Restride(from: target, to: input, shared: input), $0) }]
      }
    }
  }
}

extension Primitives {
  /// Lays values into zeroed storage by one layout, adding where places coincide, and reads it by another: the adjoint of
  /// `asStrided`. Places that several elements of `shared` name count in equal parts.
  package struct Restride: Primitive {
    package static let name = "as_strided_adjoint"
    package let from: Layout
    package let to: Layout
    package let shared: Layout

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: to.shape, dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let dtype = inputs[0].dtype
      let low = min(from.storageRange.lowerBound, to.storageRange.lowerBound)
      let count = max(from.storageRange.upperBound, to.storageRange.upperBound) - low
      let storage = try Storage(byteCount: count * dtype.byteSize, device: .cpu, op: name)
      storage.address.initializeMemory(as: UInt8.self, repeating: 0, count: count * dtype.byteSize)
      let size = dtype.byteSize
      let packed = from.shape.contiguousStrides
      Strided.accumulate(
        inputs[0].pointer, packed, into: storage.address + (from.offset - low) * size, from.strides, over: from.shape,
        dtype)
      if shared.mayOverlap { divide(storage.address - low * size, dtype, low, count) }
      Strided.copy(
        storage.address + (to.offset - low) * size, dtype, to.strides, to: outputs[0].pointer, dtype, nil,
        over: to.shape)
    }

    /// Divides every place by the number of elements of `shared` that name it.
    private func divide(_ base: UnsafeMutableRawPointer, _ dtype: DType, _ low: Int, _ count: Int) {
      var counts = [Int](repeating: 0, count: count)
      Strided.forEachOffset(shared.shape, shared.strides, shared.strides) { i, _ in
        let place = i + shared.offset - low
        if place >= 0 && place < count { counts[place] += 1 }
      }
      for (i, n) in counts.enumerated() where n > 1 {
        let place = base + (low + i) * dtype.byteSize
        switch dtype {
        case .float32: place.assumingMemoryBound(to: Float.self).pointee /= Float(n)
        case .float64: place.assumingMemoryBound(to: Double.self).pointee /= Double(n)
        case .float16: place.assumingMemoryBound(to: Float16.self).pointee /= Float16(n)
        case .bfloat16:
          let value = place.assumingMemoryBound(to: BFloat16.self)
          value.pointee = BFloat16(value.pointee.float / Float(n))
        case .float8E4M3FN:
          let value = place.assumingMemoryBound(to: Float8E4M3FN.self)
          value.pointee = Float8E4M3FN(value.pointee.float / Float(n))
        case .float8E5M2:
          let value = place.assumingMemoryBound(to: Float8E5M2.self)
          value.pointee = Float8E5M2(value.pointee.float / Float(n))
        case .complex32:
          let value = place.assumingMemoryBound(to: Complex<Float16>.self)
          value.pointee = Complex(value.pointee.real / Float16(n), value.pointee.imaginary / Float16(n))
        case .complex64:
          let value = place.assumingMemoryBound(to: Complex<Float>.self)
          value.pointee = Complex(value.pointee.real / Float(n), value.pointee.imaginary / Float(n))
        case .complex128:
          let value = place.assumingMemoryBound(to: Complex<Double>.self)
          value.pointee = Complex(value.pointee.real / Double(n), value.pointee.imaginary / Double(n))
        case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: break  // no gradients
        }
      }
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [from, to, shared] cotangents, _ in
        [cotangents[0].map { apply(Primitives.Restride(from: to, to: from, shared: shared), $0) }]
      }
    }
  }
}

extension Primitives {
  /// Values laid over a view of the storage; the input's elements are read back by its own layout.
  package struct AsStridedScatter: Primitive {
    package static let name = "as_strided_scatter"
    package let input: Layout
    package let target: Layout

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (base, source) = (inputs[0], inputs[1])
      let dtype = base.dtype
      let low = min(input.storageRange.lowerBound, target.storageRange.lowerBound)
      let high = max(input.storageRange.upperBound, target.storageRange.upperBound)
      let storage = try Storage(byteCount: (high - low) * dtype.byteSize, device: .cpu, op: name)
      func place(_ layout: Layout) -> UnsafeMutableRawPointer {
        storage.address + (layout.offset - low) * dtype.byteSize
      }
      Strided.copy(base.pointer, dtype, base.strides, to: place(input), dtype, input.strides, over: input.shape)
      Strided.copy(source.pointer, dtype, source.strides, to: place(target), dtype, target.strides, over: target.shape)
      Strided.copy(place(input), dtype, input.strides, to: outputs[0].pointer, dtype, nil, over: input.shape)
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let zeros = Tensor.zeros(target.shape, dtype: g.dtype, device: g.device)
        return [
          saved.needs(0) ? apply(self, g, zeros) : nil,
          saved.needs(1) ? apply(Primitives.Restride(from: input, to: target, shared: target), g) : nil,
        ]
      }
    }
  }
}
