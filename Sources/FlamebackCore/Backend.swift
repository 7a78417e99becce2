import FlamebackKernels
import Synchronization

/// A device other than the host: it gives memory, copies, and runs the operations that it has kernels for.
///
/// Operations without a kernel are decomposed into smaller ones. What cannot be decomposed runs on the host, unless
/// `allowsHostFallback` is false: then it is an error. Work is submitted to a queue and may run after `submit` has
/// returned; work of one queue runs in the order of submission, and memory that is given back is reused in that order.
///
/// A kernel finds data that it cannot take (an index out of range, a class that does not exist) while the host has gone
/// on. Such an error is kept and thrown, with the operation's name, at the next synchronisation: `synchronize`, a copy to
/// the host, an event's `synchronize`.
public protocol Backend: AnyObject, Sendable {
  /// The device that this backend is.
  var device: Device { get }
  /// The queue to which operations are submitted.
  var queue: any DeviceQueue { get }
  /// Whether operations with neither kernel nor decomposition may run on the host, with copies to it and back.
  var allowsHostFallback: Bool { get }
  /// Bytes in use and kept. SeeAlso: torch.cuda.memory_stats
  var memoryStatistics: MemoryStatistics { get }

  /// A block of memory. Throws `outOfMemory` if the device is full.
  func allocate(_ byteCount: Int) throws(DeviceError) -> DeviceAddress
  /// Gives a block back once everything submitted before has run.
  func deallocate(_ address: DeviceAddress, _ byteCount: Int)
  /// Gives memory that is kept for reuse back to the system. SeeAlso: torch.cuda.empty_cache
  func emptyCache()

  /// Copies from the host; returns when the host's memory may be changed again.
  func copyFromHost(_ source: UnsafeRawBufferPointer, to address: DeviceAddress) throws(DeviceError)
  /// Copies to the host after everything submitted before has run.
  func copyToHost(_ address: DeviceAddress, into target: UnsafeMutableRawBufferPointer) throws(DeviceError)
  /// Copies to a device that `other` serves without the host's help; false if that is impossible.
  func copy(_ address: DeviceAddress, to target: DeviceAddress, of other: any Backend, byteCount: Int)
    throws(DeviceError) -> Bool

  /// Whether there is a kernel for the operation with operands of these specs.
  func hasKernel<P: Primitive>(for primitive: P, _ inputs: [TensorSpec]) -> Bool
  /// Submits the operation; the operands' memory is kept until it has run.
  func submit<P: Primitive>(_ primitive: P, _ inputs: [DeviceView], into outputs: [DeviceView]) throws(DeviceError)
}

extension Backend {
  public var allowsHostFallback: Bool { true }
  public func copy(_ address: DeviceAddress, to target: DeviceAddress, of other: any Backend, byteCount: Int)
    throws(DeviceError) -> Bool
  { false }
}

/// The order of work on a device. SeeAlso: torch.cuda.Stream
public protocol DeviceQueue: AnyObject, Sendable {
  var device: Device { get }
  /// A mark behind everything submitted so far. SeeAlso: torch.cuda.Stream.record_event
  func record() throws(DeviceError) -> any DeviceEvent
  /// Lets work submitted from now on wait for an event of this device; another device's event is an error.
  /// SeeAlso: torch.cuda.Stream.wait_event
  func wait(for event: any DeviceEvent) throws(DeviceError)
  /// Memory for intermediate results of the operation that is submitted next; its block is reused after that.
  func workspace(_ byteCount: Int) throws(DeviceError) -> DeviceAddress
  /// Waits for everything submitted; throws what kernels found wrong. SeeAlso: torch.cuda.Stream.synchronize
  func synchronize() throws(DeviceError)
}

/// A mark in a device's queue. SeeAlso: torch.cuda.Event
public protocol DeviceEvent: AnyObject, Sendable {
  var device: Device { get }
  /// Whether everything before the mark has run. SeeAlso: torch.cuda.Event.query
  var isComplete: Bool { get }
  /// Waits for everything before the mark; throws what kernels found wrong. SeeAlso: torch.cuda.Event.synchronize
  func synchronize() throws(DeviceError)
}

/// An error of a device: it is full, busy or lost, a kernel failed, or an event is not its own.
public struct DeviceError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Kind: Sendable {
    case outOfMemory, busy, lost
    /// A kernel found data that it cannot take, or failed.
    case kernel
    case wrongDevice
  }

  public let kind: Kind
  public let device: Device
  /// The operation whose kernel failed, where that is not the one being submitted.
  public let operation: String?
  public let message: String

  public init(_ kind: Kind, _ device: Device, operation: String? = nil, _ message: String) {
    self.kind = kind
    self.device = device
    self.operation = operation
    self.message = message
  }

  public var description: String { "\(operation.map { "[\($0)] " } ?? "")\(message) (\(device))" }

  /// This error as one of `op`, or of the operation whose kernel failed earlier.
  func error(in op: String) -> OpError { OpError(operation ?? op, "\(message) (\(device))") }
}

/// The bytes of a device's memory that are taken. SeeAlso: torch.cuda.memory_stats
public struct MemoryStatistics: Sendable, Hashable {
  /// Bytes that live tensors take. SeeAlso: torch.cuda.memory_allocated
  public var allocated = 0
  /// Bytes taken from the system, those kept for reuse included. SeeAlso: torch.cuda.memory_reserved
  public var reserved = 0
  /// The largest `allocated` so far. SeeAlso: torch.cuda.max_memory_allocated
  public var peak = 0

  public init(allocated: Int = 0, reserved: Int = 0, peak: Int = 0) {
    self.allocated = allocated
    self.reserved = reserved
    self.peak = peak
  }
}

/// A place in a device's memory. Host code cannot read there; bytes of one block follow one another.
public struct DeviceAddress: Hashable, Sendable {
  public let bits: UInt64
  public init(_ bits: UInt64) { self.bits = bits }

  /// The place so many bytes further on.
  public func advanced(by bytes: Int) -> DeviceAddress { DeviceAddress(bits &+ UInt64(bytes)) }
}

/// An operand of a device's kernel: its first element and how the others lie.
public struct DeviceView: Sendable {
  public let address: DeviceAddress
  public let dtype: DType
  public let shape: Shape
  /// Steps between neighbours in each dimension, in elements.
  public let strides: Shape

  public init(address: DeviceAddress, dtype: DType, shape: Shape, strides: Shape) {
    self.address = address
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
  }

  public var elementCount: Int { shape.elementCount }
}

/// Finds a device's kernels: an operation has one if its type conforms to the device's own protocol. Looked up once a type.
public final class KernelTable<Kernel: Sendable>: Sendable {
  private let find: @Sendable (any Primitive.Type) -> Kernel?
  private let known = Mutex<[ObjectIdentifier: Kernel?]>([:])

  /// `find` tells what kernel a type has, mostly by a cast: `{ $0 as? any MyKernel.Type }`.
  public init(_ find: @escaping @Sendable (any Primitive.Type) -> Kernel?) { self.find = find }

  public subscript(type: any Primitive.Type) -> Kernel? {
    let id = ObjectIdentifier(type)
    if let entry = known.withLock({ $0[id] }) { return entry }
    let kernel = find(type)
    known.withLock { $0[id] = .some(kernel) }
    return kernel
  }
}

/// An operand of a host kernel: the first element, dtype and layout (offset already applied).
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
  /// The host's memory; of another device a place that nothing may be read from.
  private let memory: UnsafeMutableRawPointer
  public let byteCount: Int
  public let device: Device
  private let release: (@Sendable () -> Void)?  // nil: the host's caching allocator
  /// The device that the memory belongs to; nil for the host.
  package let backend: (any Backend)?
  /// The block on that device.
  package let deviceAddress: DeviceAddress
  private let isConstant: Bool
  /// The lease by which the storage is a part of a shared memory; nil for memory of its own.
  package let lease: Lease?
  private let keptForms = AtomicLazyReference<KeptForms>()

  /// Uninitialised memory.
  public init(byteCount: Int, device: Device, op: String) throws(OpError) {
    self.byteCount = byteCount
    self.device = device
    release = nil
    lease = nil
    isConstant = false
    if device.isHost {
      backend = nil
      deviceAddress = DeviceAddress(0)
      guard let address = CachingAllocator.host.allocate(byteCount) else {
        throw OpError(op, "out of memory: cannot allocate \(byteCount) bytes on \(device)")
      }
      memory = address
      return
    }
    let backend = try Backends.shared.required(device, op: op)
    do { deviceAddress = try backend.allocate(byteCount) } catch { throw error.error(in: op) }
    self.backend = backend
    memory = UnsafeMutableRawPointer(bitPattern: 64)!
  }

  /// The first byte in the host's memory. Of a device's memory it is an error to ask.
  public var address: UnsafeMutableRawPointer { backend == nil ? memory : misread() }

  /// Reports that host code reads a device's memory, and gives zeros in its place.
  private func misread() -> UnsafeMutableRawPointer {
    report(OpError("host access", "memory of \(device) cannot be read by the host: copy the tensor with cpu() first"))
    let zeros = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
    zeros.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return zeros  // never freed: nobody knows for how long it is read
  }

  /// Whether the memory is our own to write to; foreign memory may be a file mapped for reading.
  package var isOwned: Bool { release == nil }

  /// Whether the memory changes through tensors alone.
  package var isStable: Bool { isOwned || isConstant }

  /// What kernels made of the memory; nil unless `keepForms` was called.
  package var forms: KeptForms? { keptForms.load() }

  /// From now on kernels may keep other forms of the memory, for it is read often and changed seldom: a weight.
  /// Memory that others may change, and a device's, has none.
  package func keepForms() {
    if isStable, backend == nil, keptForms.load() == nil { _ = keptForms.storeIfNil(KeptForms()) }
  }

  /// Foreign host memory (a mapped file, an array of the caller); `release` runs when the last tensor is gone.
  /// `isConstant`: nobody changes it meanwhile.
  public init(
    foreign address: UnsafeMutableRawPointer, byteCount: Int, isConstant: Bool = false,
    release: @escaping @Sendable () -> Void
  ) {
    self.isConstant = isConstant
    memory = address
    self.byteCount = byteCount
    device = .cpu
    backend = nil
    deviceAddress = DeviceAddress(0)
    lease = nil
    self.release = release
  }

  /// A range of a shared memory.
  init(_ lease: Lease) {
    let whole = lease.memory.storage
    isConstant = false
    memory = whole.backend == nil ? whole.memory + lease.range.lowerBound : whole.memory
    byteCount = lease.range.count
    device = whole.device
    backend = whole.backend
    deviceAddress = whole.deviceAddress.advanced(by: lease.range.lowerBound)
    release = nil
    self.lease = lease
  }

  /// A number that tells where on its device the memory begins.
  package var place: UInt64 { backend == nil ? UInt64(UInt(bitPattern: memory)) : deviceAddress.bits }

  deinit {
    if let release {
      release()
    } else if lease != nil {
      // The memory belongs to the block.
    } else if let backend {
      backend.deallocate(deviceAddress, byteCount)
    } else {
      CachingAllocator.host.deallocate(memory, byteCount)
    }
  }
}
