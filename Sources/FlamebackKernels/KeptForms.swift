import Synchronization

/// What a kernel made of an operand's memory to read it faster: a matrix packed for products.
public struct FormKey: Hashable, Sendable {
  let address: UInt
  let dtype: DType
  let rows: Int
  let columns: Int
  /// Elements between stored rows.
  let leading: Int
}

/// The forms of one piece of memory, made when they are first asked for. Whoever changes the memory forgets them.
public final class KeptForms: Sendable {
  /// Larger ones are not worth the memory.
  public static let largest = 128 << 20

  private let known = Mutex<[FormKey: ScratchMemory]>([:])

  public init() {}

  package var count: Int { known.withLock { $0.count } }

  public func forget() { known.withLock { $0 = [:] } }

  /// Nil where there is no memory. Whoever reads the form holds it meanwhile.
  func form(_ key: FormKey, byteCount: Int, _ make: (UnsafeMutableRawPointer) -> Void) -> ScratchMemory? {
    known.withLock { known in
      if let form = known[key] { return form }
      guard byteCount <= Self.largest, let form = ScratchMemory(ifAvailable: byteCount) else { return nil }
      make(form.pointer)
      known[key] = form
      return form
    }
  }
}
