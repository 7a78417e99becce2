import Dispatch
import FlamebackCore
import FlamebackKernels
import Synchronization

extension Device.Kind {
  /// The kind of `ReferenceBackend`'s devices.
  public static let reference = Device.Kind("reference")
}

extension Device {
  /// A device of `ReferenceBackend`.
  public static func reference(_ index: Int = 0) -> Device { Device(.reference, index) }
}

/// A device that needs no hardware, and the shortest complete backend: what holds for a GPU is tested on it.
///
/// Its memory has addresses that mean nothing to host code, its operations run one after another on a thread of their own
/// after `submit` has returned, errors in data come to light when the host waits, and there are several devices of its
/// kind. It has plain Swift kernels for a few primitives; all others are decomposed.
public final class ReferenceBackend: Backend {
  public let device: Device
  /// False in strict mode: an operation with neither kernel nor decomposition is an error.
  public let allowsHostFallback: Bool
  private let memory: ReferenceMemory
  private let work: ReferenceQueue
  private let operationNames = Mutex<[String]>([])
  private let missing: Set<String>

  /// - Parameters:
  ///   - device: the device to be; its kind is `reference`.
  ///   - capacity: bytes of memory.
  ///   - missing: names of operations for which the device shall have no kernel.
  ///   - isStrict: whether an operation that would run on the host is an error instead.
  public init(_ device: Device = .reference(), capacity: Int = .max, missing: Set<String> = [], isStrict: Bool = false)
  {
    self.device = device
    self.missing = missing
    allowsHostFallback = !isStrict
    memory = ReferenceMemory(device, capacity: capacity)
    work = ReferenceQueue(device, memory)
  }

  /// Makes `reference:0` … `reference:count-1` available.
  @discardableResult
  public static func register(count: Int = 1, capacity: Int = .max, isStrict: Bool = false) -> [ReferenceBackend] {
    (0..<count).map { index in
      let backend = ReferenceBackend(.reference(index), capacity: capacity, isStrict: isStrict)
      Backends.shared.register(backend)
      return backend
    }
  }

  public var queue: any DeviceQueue { work }
  public var memoryStatistics: MemoryStatistics { memory.statistics }
  /// The names of the operations submitted so far.
  public var operations: [String] { operationNames.withLock { $0 } }

  // MARK: - Trouble on request

  /// From now on every call fails as on a device that has gone: what lay on it is lost.
  public func lose() { work.lose() }
  /// While true, memory and work are refused as on a device that another program keeps busy.
  public func setBusy(_ busy: Bool) { work.setBusy(busy) }
  /// Lets the kernel of the next operation of that name fail after it was queued.
  public func failNext(_ operation: String) { work.failNext(operation) }

  // MARK: - Memory

  public func allocate(_ byteCount: Int) throws(DeviceError) -> DeviceAddress {
    try work.check()
    return try memory.allocate(byteCount)
  }

  public func deallocate(_ address: DeviceAddress, _ byteCount: Int) {
    memory.count(freed: byteCount)
    work.run { [memory] in memory.release(address) }
  }

  public func emptyCache() { memory.emptyCache() }

  public func copyFromHost(_ source: UnsafeRawBufferPointer, to address: DeviceAddress) throws(DeviceError) {
    try work.check()
    let bytes = Array(source)  // the host goes on at once
    work.run { [memory] in memory.write(bytes, at: address) }
  }

  public func copyToHost(_ address: DeviceAddress, into target: UnsafeMutableRawBufferPointer) throws(DeviceError) {
    try work.synchronize()
    memory.read(address, into: target)
  }

  public func copy(
    _ address: DeviceAddress, to target: DeviceAddress, of other: any Backend, byteCount: Int
  ) throws(DeviceError) -> Bool {
    guard other === self else { return false }  // the devices of this kind do not reach each other
    try work.check()
    work.run { [memory] in memory.copy(address, to: target, byteCount) }
    return true
  }

  // MARK: - Operations

  private static let kernels = KernelTable<any ReferenceKernel.Type> { $0 as? any ReferenceKernel.Type }

  public func hasKernel<P: Primitive>(for primitive: P, _ inputs: [TensorSpec]) -> Bool {
    guard Self.kernels[P.self] != nil, !missing.contains(primitive.name), !missing.contains(P.name) else {
      return false
    }
    return (primitive as? any ReferenceKernel)?.takes(inputs) == true
  }

  public func submit<P: Primitive>(
    _ primitive: P, _ inputs: [DeviceView], into outputs: [DeviceView]
  ) throws(DeviceError) {
    try work.check()
    operationNames.withLock { $0.append(primitive.name) }
    let name = primitive.name
    guard let own = primitive as? any ReferenceKernel else {
      throw DeviceError(.kernel, device, operation: name, "there is no kernel for it")
    }
    let kernel: any ReferenceKernel
    do { kernel = try own.prepared() } catch {
      throw DeviceError(.kernel, device, operation: error.op, error.message)
    }
    let fails = work.takesFailure(name)
    work.run(name) { [memory] () throws(OpError) in
      if fails { throw OpError(name, "the kernel failed") }
      try kernel.run(inputs.map { memory.array($0) }, into: outputs.map { memory.array($0) })
    }
  }
}
