import Synchronization

/// Where a tensor lies and computes.
///
/// `cpu` is always there; further kinds exist once their backend is registered. SeeAlso: torch.device
public struct Device: Hashable, Sendable, CustomStringConvertible {
  /// The family: `cpu`, `cuda`, `mirror`.
  public struct Kind: Hashable, Sendable {
    let code: UInt8
    public static let cpu = Kind(code: 0)
    public static let cuda = Kind(code: 1)
    public static let mirror = Kind(code: 2)

    public var name: String { ["cpu", "cuda", "mirror"][Int(code)] }
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

  /// Reads `cpu`, `cuda`, `cuda:1`. Throws for anything else.
  public init(_ text: String) throws(OpError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let kinds: [Kind] = [.cpu, .cuda, .mirror]
    guard let kind = kinds.first(where: { $0.name == parts[0] }), parts.count <= 2,
      let index = parts.count == 2 ? Int(parts[1]) : 0, index >= 0
    else { throw OpError("device", "'\(text)' names no device: expected cpu, cuda or cuda:N") }
    self.init(kind, index)
  }

  public var description: String { kind == .cpu ? "cpu" : "\(kind.name):\(index)" }

  /// Whether a backend for this device is registered.
  public var isAvailable: Bool { self == .cpu || Backends.shared.find(self) != nil }

  /// Waits until everything that was submitted to the device has run. SeeAlso: torch.cuda.synchronize
  public func synchronize() { Backends.shared.find(self)?.synchronize() }
}

/// The registered backends of devices other than the host.
public final class Backends: Sendable {
  public static let shared = Backends()
  private let table = Mutex<[Device: any Backend]>([:])

  /// Makes `device` available.
  public func register(_ backend: any Backend, for device: Device) { table.withLock { $0[device] = backend } }
  public func unregister(_ device: Device) { _ = table.withLock { $0.removeValue(forKey: device) } }
  public func find(_ device: Device) -> (any Backend)? { table.withLock { $0[device] } }
}
