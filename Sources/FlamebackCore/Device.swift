import FlamebackKernels
import Synchronization

/// Where a tensor lies and computes.
///
/// `cpu` is always there; further kinds exist once their backend is registered. SeeAlso: torch.device
public struct Device: Hashable, Sendable, CustomStringConvertible {
  /// The family: `cpu`, `cuda`, or what a backend's author calls it.
  public struct Kind: Hashable, Sendable, CustomStringConvertible {
    private let code: UInt8

    /// The kind of that name, made known if it is new: a backend's author calls this. There can be 250 of them.
    public init(_ name: String) {
      code = Kind.names.withLock { names in
        if let known = names.firstIndex(of: name) { return UInt8(known) }
        precondition(names.count < 250, "too many kinds of devices")
        names.append(name)
        return UInt8(names.count - 1)
      }
    }

    private init(code: UInt8) { self.code = code }

    private static let names = Mutex(["cpu", "cuda"])

    /// The host.
    public static let cpu = Kind(code: 0)
    /// NVIDIA GPUs.
    public static let cuda = Kind(code: 1)

    /// The kind of that name, if somebody made it known.
    static func known(_ name: some StringProtocol) -> Kind? {
      names.withLock { $0.firstIndex { $0 == name } }.map { Kind(code: UInt8($0)) }
    }

    /// The names of all kinds.
    static var all: [String] { names.withLock { $0 } }

    public var name: String { Kind.names.withLock { $0[Int(code)] } }
    public var description: String { name }

    /// Whether this is the host's kind: the one comparison with `cpu` that decides where memory is read directly.
    var isHost: Bool { code == 0 }
  }

  public let kind: Kind
  public let index: Int

  public init(_ kind: Kind, _ index: Int = 0) {
    self.kind = kind
    self.index = index
  }

  /// The host.
  public static let cpu = Device(.cpu)
  public static func cuda(_ index: Int = 0) -> Device { Device(.cuda, index) }

  /// Whether host code may read the memory directly.
  public var isHost: Bool { kind.isHost }

  /// Reads `cpu`, `cuda`, `cuda:1`, or the name of another known kind. Throws for anything else.
  public init(_ text: String) throws(OpError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let kind = Kind.known(parts[0]), parts.count <= 2, let index = parts.count == 2 ? Int(parts[1]) : 0,
      index >= 0
    else {
      throw OpError("device", "'\(text)' names no device: expected \(Kind.all.joined(separator: ", ")) or KIND:N")
    }
    self.init(kind, index)
  }

  public var description: String { isHost ? "cpu" : "\(kind.name):\(index)" }

  /// Whether a backend for this device is registered.
  public var isAvailable: Bool { isHost || Backends.shared.find(self) != nil }

  /// Waits until everything that was submitted to the device has run, and throws what its kernels found wrong.
  /// SeeAlso: torch.cuda.synchronize
  public func synchronize() throws(OpError) {
    do { try Backends.shared.find(self)?.queue.synchronize() } catch { throw error.error(in: "synchronize") }
  }

  /// A mark behind everything submitted to the device so far; nil on the host. SeeAlso: torch.cuda.Event
  public func recordEvent() throws(OpError) -> (any DeviceEvent)? {
    do { return try Backends.shared.find(self)?.queue.record() } catch { throw error.error(in: "recordEvent") }
  }

  /// Lets work submitted from now on wait for `event`, which must be of this device. SeeAlso: torch.cuda.Stream.wait_event
  public func wait(for event: any DeviceEvent) throws(OpError) {
    let backend = try Backends.shared.required(self, op: "wait")
    guard event.device == self else {
      throw OpError("wait", "the event is of \(event.device) and cannot be waited for on \(self)")
    }
    do { try backend.queue.wait(for: event) } catch { throw error.error(in: "wait") }
  }

  /// The memory that the device's tensors take; nil if the device is not available. SeeAlso: torch.cuda.memory_stats
  public var memoryStatistics: MemoryStatistics? {
    guard !isHost else {
      let host = CachingAllocator.host.statistics
      return MemoryStatistics(allocated: host.active, reserved: host.active + host.cached, peak: host.peak)
    }
    return Backends.shared.find(self)?.memoryStatistics
  }

  /// Gives memory that is kept for reuse back to the system. SeeAlso: torch.cuda.empty_cache
  public func emptyCache() {
    if isHost { CachingAllocator.host.emptyCache() } else { Backends.shared.find(self)?.emptyCache() }
  }
}

/// The registered backends of devices other than the host.
public final class Backends: Sendable {
  public static let shared = Backends()
  private let table = Mutex<[Device: any Backend]>([:])

  /// Makes the backend's device available.
  public func register(_ backend: any Backend) { table.withLock { $0[backend.device] = backend } }
  public func unregister(_ device: Device) { _ = table.withLock { $0.removeValue(forKey: device) } }
  public func find(_ device: Device) -> (any Backend)? { table.withLock { $0[device] } }

  /// The backend of a device that must be there.
  func required(_ device: Device, op: String) throws(OpError) -> any Backend {
    guard let backend = find(device) else { throw OpError(op, "device \(device) is not available") }
    return backend
  }
}
