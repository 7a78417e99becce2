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
  public func clone() -> Tensor { Elementwise.identity(self) }

  /// A row-major copy without history, on the same device.
  package func packed(op: String) throws(OpError) -> Tensor {
    if isContiguous { return self }
    if device != .cpu { return noGrad { withoutHistory.contiguous() } }
    let result = try Tensor.uninitialized(spec, op: op)
    Tensor.copyProgram.run(
      compute: dtype, shape: shape, inputs: [ElementwiseOperand(hostView.pointer, dtype, layout: layout, over: shape)],
      parameters: [], outputs: [ElementwiseOperand(result.hostView.pointer, dtype, strides: nil)])
    try checkKernelMemory(op)
    return result
  }

  private static let copyProgram = Elementwise.identity.program(isComplex: false, scalarMask: 0)

  /// A copy without history on another device.
  package func copied(to device: Device, op: String) throws(OpError) -> Tensor {
    let source = try packed(op: op)
    let count = elementCount * dtype.byteSize
    let result = try Tensor.uninitialized(TensorSpec(shape: shape, dtype: dtype, device: device), op: op)
    let from = source.hostView.pointer
    let to = result.hostView.pointer
    switch (Backends.shared.find(source.device), Backends.shared.find(device)) {
    case (nil, nil): to.copyMemory(from: from, byteCount: count)
    case (nil, let target?): target.copyFromHost(from, to: to, count)
    case (let origin?, nil): origin.copyToHost(from, to: to, count)
    case (let origin?, let target?):  // through the host
      let bounce = try Storage(byteCount: count, device: .cpu, op: op)
      origin.copyToHost(from, to: bounce.address, count)
      target.copyFromHost(bounce.address, to: to, count)
    }
    withExtendedLifetime(source) {}
    return result
  }

  /// A new tensor full of one value.
  package static func filled(_ value: Scalar, _ spec: TensorSpec) -> Tensor {
    attempt(.poisoned(spec)) { () throws(OpError) in
      let host = try uninitialized(TensorSpec(shape: spec.shape, dtype: spec.dtype), op: "full")
      Strided.fill(host.hostView.pointer, spec.dtype, nil, over: spec.shape, value)
      return spec.device == .cpu ? host : try host.copied(to: spec.device, op: "full")
    }
  }

  static func zerosForGradient(_ spec: TensorSpec) -> Tensor { filled(0, spec) }
}

extension Primitives {
  /// A copy to another device.
  package struct Transfer: Primitive {
    package static let name = "to"
    package let device: Device

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: inputs[0].shape, dtype: inputs[0].dtype, device: device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      throw OpError("to", "is done by the devices' copies")
    }

    package var attributes: [(String, String)] { [("device", device.description)] }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in [cotangents[0]?.to(saved.spec(0).device)] }
    }
  }
}
