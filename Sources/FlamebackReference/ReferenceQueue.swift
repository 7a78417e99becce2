import Dispatch
import FlamebackCore
import Synchronization

/// The thread on which a reference device's work runs, in the order of submission.
final class ReferenceQueue: DeviceQueue {
  let device: Device
  private let memory: ReferenceMemory
  private let queue: DispatchQueue
  private let state = Mutex(State())

  private struct State {
    /// The first failed kernel's error, kept until somebody waits.
    var error: DeviceError?
    var isLost = false
    var isBusy = false
    var failures: Set<String> = []
    /// Workspace of the operation that is submitted next.
    var lent: [DeviceAddress] = []
  }

  init(_ device: Device, _ memory: ReferenceMemory) {
    self.device = device
    self.memory = memory
    queue = DispatchQueue(label: device.description)
  }

  func lose() { state.withLock { $0.isLost = true } }
  func setBusy(_ busy: Bool) { state.withLock { $0.isBusy = busy } }
  func failNext(_ operation: String) { state.withLock { _ = $0.failures.insert(operation) } }
  func takesFailure(_ operation: String) -> Bool { state.withLock { $0.failures.remove(operation) != nil } }

  /// Throws if the device is lost or busy.
  func check() throws(DeviceError) {
    let (isLost, isBusy) = state.withLock { ($0.isLost, $0.isBusy) }
    if isLost { throw DeviceError(.lost, device, "the device is lost, and all tensors on it") }
    if isBusy { throw DeviceError(.busy, device, "the device is busy: another program uses it") }
  }

  func run(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

  /// Runs an operation's kernel; its error is kept until somebody waits.
  func run(_ operation: String, _ body: @escaping @Sendable () throws(OpError) -> Void) {
    let lent = state.withLock { state in
      defer { state.lent = [] }
      return state.lent
    }
    queue.async { [self] in
      do throws(OpError) { try body() } catch {
        let failure = DeviceError(.kernel, device, operation: operation, error.message)
        state.withLock { if $0.error == nil { $0.error = failure } }
      }
      for address in lent { memory.release(address) }
    }
  }

  func workspace(_ byteCount: Int) throws(DeviceError) -> DeviceAddress {
    try check()
    let address = try memory.allocate(byteCount)
    memory.count(freed: byteCount)
    state.withLock { $0.lent.append(address) }
    return address
  }

  func synchronize() throws(DeviceError) {
    queue.sync {}
    try check()
    try throwPending()
  }

  /// Throws what a kernel found wrong, once.
  fileprivate func throwPending() throws(DeviceError) {
    let error = state.withLock { state in
      defer { state.error = nil }
      return state.error
    }
    if let error { throw error }
  }

  func record() throws(DeviceError) -> any DeviceEvent {
    try check()
    let event = ReferenceEvent(self)
    queue.async { event.complete() }
    return event
  }

  func wait(for event: any DeviceEvent) throws(DeviceError) {
    guard event.device == device, let event = event as? ReferenceEvent else {
      throw DeviceError(.wrongDevice, device, "an event of \(event.device) cannot be waited for here")
    }
    try check()
    queue.async { event.waitUntilComplete() }
  }
}

/// A mark in a reference device's queue.
final class ReferenceEvent: DeviceEvent {
  private let queue: ReferenceQueue
  private let isDone = Atomic(false)
  private let group = DispatchGroup()

  init(_ queue: ReferenceQueue) {
    self.queue = queue
    group.enter()
  }

  var device: Device { queue.device }
  var isComplete: Bool { isDone.load(ordering: .acquiring) }

  func complete() {
    isDone.store(true, ordering: .releasing)
    group.leave()
  }

  func waitUntilComplete() { group.wait() }

  func synchronize() throws(DeviceError) {
    group.wait()
    try queue.check()
    try queue.throwPending()
  }
}
