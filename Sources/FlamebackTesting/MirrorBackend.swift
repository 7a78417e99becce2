import Dispatch
import Flameback
import FlamebackCore
import FlamebackKernels
import Synchronization

extension Device {
  /// A device of `MirrorBackend`.
  public static func mirror(_ index: Int = 0) -> Device { Device(.mirror, index) }
}

/// A device that needs no hardware: what holds for a GPU is tested on it.
///
/// Its memory lies at addresses that fault when host code touches them, its operations run one after another on a thread
/// of their own after `run` has returned, and any kernels can be missing, so that decompositions and the host step in.
public final class MirrorBackend: Backend {
  private let queue: DispatchQueue
  private let missing: Set<String>
  private let capacity: Int
  private let state = Mutex(State())

  private struct State {
    var used = 0
    var operations: [String] = []
    var error: OpError?
  }

  /// - Parameters:
  ///   - missing: names of primitives for which the device has no kernel.
  ///   - capacity: bytes of memory.
  public init(name: String = "mirror", missing: Set<String> = [], capacity: Int = .max) {
    queue = DispatchQueue(label: name)
    self.missing = missing
    self.capacity = capacity
  }

  /// Makes `mirror:0` … `mirror:count-1` available.
  @discardableResult
  public static func register(count: Int = 1, missing: Set<String> = [], capacity: Int = .max) -> [MirrorBackend] {
    (0..<count).map { index in
      let backend = MirrorBackend(name: "mirror:\(index)", missing: missing, capacity: capacity)
      Backends.shared.register(backend, for: .mirror(index))
      return backend
    }
  }

  /// The names of the operations submitted so far.
  public var operations: [String] { state.withLock { $0.operations } }
  /// Bytes that live tensors take.
  public var memoryInUse: Int { state.withLock { $0.used } }

  // Not canonical on x86-64, the kernel's half on arm64: an access faults.
  private static let mark = 1 << 55

  private static func isMine(_ address: UnsafeMutableRawPointer) -> Bool { Int(bitPattern: address) & mark != 0 }

  /// Where the bytes really lie.
  private static func real(_ address: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    isMine(address) ? address - mark : address
  }

  public func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let fits = state.withLock { state in
      guard byteCount <= capacity - state.used else { return false }
      state.used += byteCount
      return true
    }
    return fits ? CachingAllocator.host.allocate(byteCount).map { $0 + MirrorBackend.mark } : nil
  }

  /// Frees once everything submitted before has run.
  public func deallocate(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    state.withLock { $0.used -= byteCount }
    let address = UInt(bitPattern: MirrorBackend.real(address))
    queue.async { CachingAllocator.host.deallocate(UnsafeMutableRawPointer(bitPattern: address)!, byteCount) }
  }

  public func copyFromHost(_ source: UnsafeRawPointer, to address: UnsafeMutableRawPointer, _ byteCount: Int) {
    queue.sync { MirrorBackend.real(address).copyMemory(from: source, byteCount: byteCount) }
  }

  public func copyToHost(_ address: UnsafeMutableRawPointer, to destination: UnsafeMutableRawPointer, _ byteCount: Int)
  {
    queue.sync { destination.copyMemory(from: MirrorBackend.real(address), byteCount: byteCount) }
    reportError()
  }

  public func hasKernel(for primitive: any Primitive) -> Bool {
    !missing.contains(primitive.name) && !missing.contains(type(of: primitive).name)
  }

  public func run(_ primitive: any Primitive, _ inputs: [HostView], into outputs: [MutableHostView]) {
    state.withLock { $0.operations.append(primitive.name) }
    // Inputs on the host (sizes, indices) may be gone when the operation runs.
    let inputs = inputs.map { MirrorBackend.isMine($0.pointer) ? $0 : MirrorBackend.staged($0) }
    queue.async { [self] in
      do throws(OpError) {
        try primitive.compute(inputs.map(MirrorBackend.translated), into: outputs.map(MirrorBackend.translated))
      } catch {
        state.withLock { state in if state.error == nil { state.error = error } }
      }
      for input in inputs where !MirrorBackend.isMine(input.pointer) { input.pointer.deallocate() }
    }
  }

  private static func translated(_ view: HostView) -> HostView {
    HostView(pointer: real(view.pointer), dtype: view.dtype, shape: view.shape, strides: view.strides)
  }

  /// A copy of what the view touches.
  private static func staged(_ view: HostView) -> HostView {
    let range = view.layout.storageRange
    let size = view.dtype.byteSize
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(range.count * size, 1), alignment: 64)
    copy.copyMemory(from: view.pointer + range.lowerBound * size, byteCount: range.count * size)
    return HostView(pointer: copy, dtype: view.dtype, shape: view.shape, strides: view.strides)
  }

  public func synchronize() {
    queue.sync {}
    reportError()
  }

  /// Errors of kernels come to light when the host waits for them, as on a GPU.
  private func reportError() {
    let error = state.withLock { state in
      let error = state.error
      state.error = nil
      return error
    }
    if let error { report(error) }
  }
}
