import FlamebackKernels

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

  public init(pointer: UnsafeMutableRawPointer, dtype: DType, shape: Shape, strides: Shape) {
    self.pointer = pointer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
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

  /// Uninitialised memory.
  public init(byteCount: Int, device: Device, op: String) throws(OpError) {
    self.byteCount = byteCount
    self.device = device
    release = nil
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

  /// Foreign host memory (a mapped file, an array of the caller); `release` runs when the last tensor is gone.
  public init(foreign address: UnsafeMutableRawPointer, byteCount: Int, release: @escaping @Sendable () -> Void) {
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
