import FlamebackKernels

extension Elementwise {
  /// a + b.
  package static let add = Elementwise("add") { a, b in a + b }
}

extension Tensor {
  /// The sum, broadcast. SeeAlso: torch.add
  public static func + (a: Tensor, b: Tensor) -> Tensor { Elementwise.add(a, b) }

  /// The tensor in another dtype; itself if it has it already. SeeAlso: torch.Tensor.to, torch.Tensor.type,
  /// torch.Tensor.bool, torch.Tensor.byte, torch.Tensor.char, torch.Tensor.short, torch.Tensor.int, torch.Tensor.cfloat,
  /// torch.Tensor.cdouble
  public func to(_ dtype: DType) -> Tensor {
    dtype == self.dtype ? self : Elementwise.identity.call([.tensor(self)], dtype: dtype)
  }

  /// The tensor on another device; itself if it lies there. Gradients flow back. SeeAlso: torch.Tensor.to
  public func to(_ device: Device) -> Tensor {
    device == self.device ? self : apply(Primitives.Transfer(device: device), self)
  }

  /// The tensor on the host. SeeAlso: torch.Tensor.cpu
  public func cpu() -> Tensor { to(.cpu) }

  /// Row-major in memory; itself if it is. SeeAlso: torch.Tensor.contiguous
  public func contiguous() -> Tensor { isContiguous ? self : clone() }

  /// A copy in memory of its own. SeeAlso: torch.clone
  public func clone() -> Tensor {
    CopiedBytes.add(elementCount * dtype.byteSize)
    return Elementwise.identity(self)
  }

  /// A row-major copy without history, on the same device.
  package func packed(op: String) throws(OpError) -> Tensor {
    if isContiguous { return self }
    guard device.isHost else { return noGrad { withoutHistory.contiguous() } }
    let result = try Tensor.uninitialized(spec, op: op)
    CopiedBytes.add(elementCount * dtype.byteSize)
    Tensor.copyProgram.run(
      compute: dtype, shape: shape, inputs: [ElementwiseOperand(hostView.pointer, dtype, layout: layout, over: shape)],
      parameters: [], outputs: [ElementwiseOperand(result.hostView.pointer, dtype, strides: nil)])
    try checkKernelMemory(op)
    return result
  }

  private static let copyProgram = Elementwise.identity.program(isComplex: false, scalarMask: 0)

  /// A copy without history on another device; itself, packed, if it lies there.
  package func copied(to device: Device, op: String) throws(OpError) -> Tensor {
    let source = try packed(op: op)
    if device == self.device { return source }
    let count = elementCount * dtype.byteSize
    let result = try Tensor.uninitialized(TensorSpec(shape: shape, dtype: dtype, device: device), op: op)
    let (from, to) = (source.body.storage, result.body.storage)
    defer { withExtendedLifetime((source, result)) {} }
    let offset = source.layout.offset * dtype.byteSize
    do {
      switch (from.backend, to.backend) {
      case (nil, nil): to.address.copyMemory(from: from.address + offset, byteCount: count)
      case (nil, let target?):
        try target.copyFromHost(
          UnsafeRawBufferPointer(start: from.address + offset, count: count), to: to.deviceAddress)
      case (let origin?, nil):
        try origin.copyToHost(
          from.deviceAddress.advanced(by: offset), into: UnsafeMutableRawBufferPointer(start: to.address, count: count))
      case (let origin?, let target?):
        let start = from.deviceAddress.advanced(by: offset)
        if try origin.copy(start, to: to.deviceAddress, of: target, byteCount: count) { return result }
        let bounce = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        defer { bounce.deallocate() }
        try origin.copyToHost(start, into: UnsafeMutableRawBufferPointer(rebasing: bounce[..<count]))
        try target.copyFromHost(UnsafeRawBufferPointer(rebasing: bounce[..<count]), to: to.deviceAddress)
      }
    } catch { throw error.error(in: op) }
    return result
  }

  /// A new tensor full of one value.
  package static func filled(_ value: Scalar, _ spec: TensorSpec) -> Tensor {
    apply(Primitives.Fill(value: value, spec: spec), [])[0]
  }

  static func zerosForGradient(_ spec: TensorSpec) -> Tensor { filled(0, spec) }
}

extension Primitives {
  /// A copy on another device: the input, once it has been moved to the destination.
  package struct Transfer: Primitive {
    package static let name = "to"
    package let device: Device
    package var families: DType.Family { .all }

    package var destination: Device? { device }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: inputs[0].shape, dtype: inputs[0].dtype, device: device)]
    }

    package func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases { .one(layout, dtype) }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      throw OpError("to", "is done by the devices' copies")
    }

    package var attributes: [(String, String)] { [("device", device.description)] }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in [cotangents[0]?.to(saved.spec(0).device)] }
    }
  }
}

extension Primitives {
  /// A new tensor full of one value.
  package struct Fill: Primitive {
    package static let name = "full"
    package let value: Scalar
    package let spec: TensorSpec

    package var families: DType.Family { .all }
    package var destination: Device? { spec.device }
    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [spec] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      Strided.fill(outputs[0].pointer, spec.dtype, nil, over: spec.shape, value)
    }

    package var attributes: [(String, String)] { [("value", "\(value)"), ("dtype", "\(spec.dtype)")] }
    package var gradient: Gradient { .none(because: "a new tensor depends on nothing") }
  }
}
