import FlamebackKernels

/// An n-dimensional array: an immutable value.
///
/// Assignments through a subscript and compound operators rebind the variable (in place where nobody else
/// shares the memory), so no other variable ever changes. SeeAlso: torch.Tensor
public struct Tensor: Sendable {
  package var body: TensorBody

  package init(_ body: TensorBody) { self.body = body }
}

/// What copies of a tensor share.
package final class TensorBody: @unchecked Sendable {
  /// Assigned once; a variable only because `isKnownUniquelyReferenced` asks for one.
  @exclusivity(unchecked) package fileprivate(set) var storage: Storage
  package let layout: Layout
  package let dtype: DType
  package let isPoisoned: Bool
  package let isInference: Bool
  /// The operation that made it, where gradients are recorded.
  package let node: GradNode?
  package let outputIndex: Int
  /// Of a leaf that asks for a gradient.
  package let slot: GradSlot?

  package init(
    storage: Storage, layout: Layout, dtype: DType, node: GradNode? = nil, outputIndex: Int = 0, slot: GradSlot? = nil,
    isPoisoned: Bool = false, isInference: Bool = false
  ) {
    self.storage = storage
    self.layout = layout
    self.dtype = dtype
    self.node = node
    self.outputIndex = outputIndex
    self.slot = slot
    self.isPoisoned = isPoisoned
    self.isInference = isInference
  }
}

extension Tensor {
  /// The sizes of the dimensions. SeeAlso: torch.Tensor.shape
  public var shape: Shape { body.layout.shape }
  public var dtype: DType { body.dtype }
  /// Where it lies. SeeAlso: torch.Tensor.device, torch.get_device, torch.Tensor.is_cpu, torch.Tensor.is_cuda
  public var device: Device { body.storage.device }
  public var layout: Layout { body.layout }
  /// The number of dimensions. SeeAlso: torch.Tensor.ndim
  public var rank: Int { body.layout.shape.count }
  /// The number of elements. SeeAlso: torch.Tensor.numel
  public var elementCount: Int { body.layout.elementCount }
  public var spec: TensorSpec { TensorSpec(shape: shape, dtype: dtype, device: device) }
  /// Steps between neighbours in each dimension, in elements. SeeAlso: torch.Tensor.stride
  public var strides: Shape { body.layout.strides }
  /// SeeAlso: torch.Tensor.storage_offset
  public var storageOffset: Int { body.layout.offset }
  /// SeeAlso: torch.Tensor.is_contiguous
  public var isContiguous: Bool { body.layout.isContiguous }
  package var isPoisoned: Bool { body.isPoisoned }

  /// Whether `other` is a view of the same memory.
  public func sharesStorage(with other: Tensor) -> Bool { body.storage === other.body.storage }

  /// Uninitialised, contiguous.
  package static func uninitialized(_ spec: TensorSpec, op: String) throws(OpError) -> Tensor {
    Tensor(
      TensorBody(
        storage: try Storage.uninitialized(spec, op: op), layout: Layout(spec.shape), dtype: spec.dtype))
  }

  /// What a failed operation returns inside `withErrors`: zeros, all sizes 1.
  package static func poisoned(_ spec: TensorSpec) -> Tensor {
    let shape = Shape(repeating: 1, count: spec.rank)
    return Tensor(TensorBody(storage: zero, layout: Layout(shape), dtype: spec.dtype, isPoisoned: true))
  }

  /// The memory of all stand-ins: where there is none left an error must still be reported.
  private static let zero: Storage = {
    let count = 64  // of the widest dtype and more
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    return Storage(foreign: memory, byteCount: count, isConstant: true) {}
  }()

  /// The same memory seen differently; no gradient is recorded.
  package func aliased(_ layout: Layout, dtype: DType? = nil) -> Tensor {
    Tensor(
      TensorBody(
        storage: body.storage, layout: layout, dtype: dtype ?? self.dtype, isPoisoned: body.isPoisoned,
        isInference: body.isInference))
  }

  /// The same elements in what counts as other memory, so that a trace tells it from all else that lies there.
  package var withOwnIdentity: Tensor {
    guard device.isHost else { return noGrad { withoutHistory.clone() }.withSlot(body.slot) }
    let memory = body.storage
    let storage = Storage(foreign: memory.address, byteCount: memory.byteCount, isConstant: memory.isStable) {
      withExtendedLifetime(memory) {}
    }
    return Tensor(
      TensorBody(storage: storage, layout: layout, dtype: dtype, slot: body.slot, isInference: body.isInference))
  }

  /// Tells kernels that these are weights: read often, changed seldom.
  package func keepForms() { body.storage.keepForms() }

  /// The view that a host kernel reads.
  package var hostView: HostView { hostView(keepsForms: false) }

  /// The view that a device's kernel gets.
  var deviceView: DeviceView {
    DeviceView(
      address: body.storage.deviceAddress.advanced(by: body.layout.offset * dtype.byteSize), dtype: dtype, shape: shape,
      strides: strides)
  }

  /// The same as `hostView`; kernels may keep other forms of a weight.
  func hostView(keepsForms: Bool) -> HostView {
    HostView(
      pointer: body.storage.address + body.layout.offset * dtype.byteSize, dtype: dtype, shape: shape,
      strides: strides, forms: keepsForms ? body.storage.forms : nil)
  }
}

extension TensorBody {
  /// Whether no other tensor lies in the same memory.
  package func holdsStorageAlone() -> Bool { isKnownUniquelyReferenced(&storage) }
}

extension Storage {
  static func uninitialized(_ spec: TensorSpec, op: String) throws(OpError) -> Storage {
    try spec.shape.checkSizes(op)
    let count = spec.shape.elementCount
    do { return try Storage(byteCount: count * spec.dtype.byteSize, device: spec.device, op: op) } catch {
      throw OpError(op, "\(error.message) for \(spec)")
    }
  }
}
