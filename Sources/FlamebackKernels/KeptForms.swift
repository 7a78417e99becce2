import Synchronization

/// What a kernel made of an operand's memory to read it faster: a matrix packed for products.
public struct FormKey: Hashable, Sendable {
  /// Who reads it.
  public enum Kind: Sendable { case product, recurrence }

  let kind: Kind
  let address: UInt
  let dtype: DType
  let rows: Int
  let columns: Int
  /// Elements between stored rows, or between columns if these lie side by side.
  let leading: Int
  let isTransposed: Bool

  /// The form of a matrix whose first element is at `address`.
  public init(
    _ kind: Kind, of address: UnsafeMutableRawPointer, _ dtype: DType, rows: Int, columns: Int, leading: Int,
    isTransposed: Bool = false
  ) {
    self.kind = kind
    self.address = UInt(bitPattern: address)
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
    self.leading = leading
    self.isTransposed = isTransposed
  }
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
  public func form(_ key: FormKey, byteCount: Int, _ make: (UnsafeMutableRawPointer) -> Void) -> ScratchMemory? {
    known.withLock { known in
      if let form = known[key] { return form }
      guard byteCount <= Self.largest, let form = ScratchMemory(ifAvailable: byteCount) else { return nil }
      make(form.pointer)
      if let bytes = KernelMemory.takeFailure() {  // it is not whole
        KernelMemory.noteFailure(bytes)
        return nil
      }
      known[key] = form
      return form
    }
  }
}
