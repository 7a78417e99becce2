import FlamebackKernels
import Synchronization

/// What a device other than the host must do. Operations it has no kernel for are decomposed, or run on the host.
public protocol Backend: AnyObject, Sendable {
  /// Memory for one storage; nil if the device is full.
  func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer?
  func deallocate(_ address: UnsafeMutableRawPointer, _ byteCount: Int)
  /// Copies; both return when the host's memory may be used again.
  func copyFromHost(_ source: UnsafeRawPointer, to address: UnsafeMutableRawPointer, _ byteCount: Int)
  func copyToHost(_ address: UnsafeMutableRawPointer, to destination: UnsafeMutableRawPointer, _ byteCount: Int)
  /// Whether `run` knows the operation.
  func hasKernel(for primitive: any Primitive) -> Bool
  /// Submits the operation. Addresses in the views are the device's.
  func run(_ primitive: any Primitive, _ inputs: [HostView], into outputs: [MutableHostView])
  /// Waits for everything submitted.
  func synchronize()
}

/// An input of a kernel: the first element, dtype and layout (offset already applied).
public struct HostView: @unchecked Sendable {
  public let pointer: UnsafeMutableRawPointer
  public let dtype: DType
  public let shape: Shape
  public let strides: Shape
  /// Where a kernel may keep another form of the operand for later calls; the tensor holds it.
  private let formsOfTensor: Unmanaged<KeptForms>?

  public init(
    pointer: UnsafeMutableRawPointer, dtype: DType, shape: Shape, strides: Shape, forms: KeptForms? = nil
  ) {
    self.pointer = pointer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
    formsOfTensor = forms.map(Unmanaged.passUnretained)
  }

  public var forms: KeptForms? { formsOfTensor?.takeUnretainedValue() }

  /// What `make` writes about this contiguous matrix, kept for later calls if it is a weight; nil, and a failure that
  /// `KernelMemory` tells of, where there is no memory for it.
  package func form(
    _ kind: FormKey.Kind, byteCount: Int, _ make: (UnsafeMutableRawPointer) -> Void
  ) -> ScratchMemory? {
    let key = FormKey(kind, of: pointer, dtype, rows: shape[0], columns: shape[1], leading: shape[1])
    if let kept = forms?.form(key, byteCount: byteCount, make) { return kept }
    guard let memory = ScratchMemory(byteCount: byteCount) else { return nil }
    make(memory.pointer)
    return memory
  }

  public var elementCount: Int { shape.elementCount }
  public var layout: Layout { Layout(shape: shape, strides: strides) }

  /// The elements of a contiguous view.
  public func bound<T: TensorElement>(to type: T.Type) -> UnsafeMutableBufferPointer<T> {
    UnsafeMutableBufferPointer(start: pointer.assumingMemoryBound(to: type), count: elementCount)
  }
}

/// An output of a kernel: contiguous, uninitialised.
public typealias MutableHostView = HostView

/// The memory of one or more tensors (views share it).
public final class Storage: @unchecked Sendable {
  public let address: UnsafeMutableRawPointer
  public let byteCount: Int
  public let device: Device
  private let release: (@Sendable () -> Void)?  // nil: the host's caching allocator
  private let backend: (any Backend)?
  private let isConstant: Bool
  private let keptForms = AtomicLazyReference<KeptForms>()

  /// Uninitialised memory.
  public init(byteCount: Int, device: Device, op: String) throws(OpError) {
    self.byteCount = byteCount
    self.device = device
    release = nil
    isConstant = false
    let address: UnsafeMutableRawPointer?
    if device == .cpu {
      backend = nil
      address = CachingAllocator.host.allocate(byteCount)
    } else {
      guard let backend = Backends.shared.find(device) else { throw OpError(op, "device \(device) is not available") }
      self.backend = backend
      address = backend.allocate(byteCount)
    }
    guard let address else {
      throw OpError(op, "out of memory: cannot allocate \(byteCount) bytes on \(device)")
    }
    self.address = address
  }

  /// Whether the memory is our own to write to; foreign memory may be a file mapped for reading.
  package var isOwned: Bool { release == nil }

  /// Whether the memory changes through tensors alone.
  package var isStable: Bool { isOwned || isConstant }

  /// What kernels made of the memory; nil unless `keepForms` was called.
  package var forms: KeptForms? { keptForms.load() }

  /// From now on kernels may keep other forms of the memory, for it is read often and changed seldom: a weight.
  /// Memory that others may change has none.
  package func keepForms() {
    if isStable, device == .cpu, keptForms.load() == nil { _ = keptForms.storeIfNil(KeptForms()) }
  }

  /// Foreign host memory (a mapped file, an array of the caller); `release` runs when the last tensor is gone.
  /// `isConstant`: nobody changes it meanwhile.
  public init(
    foreign address: UnsafeMutableRawPointer, byteCount: Int, isConstant: Bool = false,
    release: @escaping @Sendable () -> Void
  ) {
    self.isConstant = isConstant
    self.address = address
    self.byteCount = byteCount
    device = .cpu
    backend = nil
    self.release = release
  }

  deinit {
    if let release {
      release()
    } else if let backend {
      backend.deallocate(address, byteCount)
    } else {
      CachingAllocator.host.deallocate(address, byteCount)
    }
  }
}
