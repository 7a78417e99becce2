import FlamebackCore
import FlamebackKernels
import Synchronization

/// A tensor that grows along one dimension, as the keys and values of a language model do: appending writes the new rows
/// only.
///
///     var keys = TensorCache(dim: 2, capacity: 512)
///     let all = keys.append(newKeys)        // [batch, heads, everything so far, width], a view
///
/// A value: tensors that were read keep their elements whatever is appended later, and so does a copy of the cache. The
/// first of several copies to append goes on in the shared memory, the others move to their own. When the capacity is used
/// up it doubles, so that n rows cost less than n further ones in copies.
///
/// Gradients do not flow through a cache. A step that appends to one is not compiled into a graph, since its shapes change;
/// for that keep a buffer of full length and write at an index (`buffer[.all, .all, position] = row`).
/// SeeAlso: transformers.DynamicCache
public struct TensorCache: Sendable {
  /// The memory that copies of a cache and the views of its values share.
  private final class Memory: Sendable {
    let tensor: Tensor
    /// Rows that some cache has written; those after it are nobody's.
    let used = Atomic<Int>(0)

    init(_ tensor: Tensor) { self.tensor = tensor }
  }

  /// The dimension that grows; negative counts from the end.
  public let dim: Int
  /// The rows of the present value.
  public private(set) var count = 0
  private var memory: Memory?
  /// The rows to begin with.
  private var minimum: Int

  /// An empty cache; the first `append` decides the other sizes, the dtype and the device, and makes room for `capacity`
  /// rows at least.
  public init(dim: Int, capacity: Int = 0) {
    self.dim = dim
    minimum = max(capacity, 0)
    if capacity < 0 { report(OpError("TensorCache", "the capacity must not be negative, got \(capacity)")) }
  }

  /// The rows that fit without copying.
  public var capacity: Int { memory.map { $0.tensor.shape[axis($0.tensor)] } ?? minimum }

  /// The present value, a view of the cache's memory; nil before anything was appended.
  public var value: Tensor? { memory.map { rows(0..<count, of: $0.tensor) } }

  /// Appends `rows`, whose other sizes, dtype and device are the cache's, and returns the present value, a view.
  ///
  /// Reports an error if `rows` do not fit, or if a gradient would be lost: append detached tensors, or inside `noGrad`.
  @discardableResult
  public mutating func append(_ rows: Tensor) -> Tensor {
    if rows.isPoisoned { return rows }
    noteInTrace("appends to a cache")
    do throws(OpError) {
      let d = try normalizedDim(dim, rank: rows.rank, op: "TensorCache.append")
      if Context.isGradEnabled && rows.requiresGrad {
        throw OpError("TensorCache.append", "a cache keeps no gradients: append a detached tensor, or inside noGrad")
      }
      let end = count + rows.shape[d]
      try check(rows, d)
      if rows.device.isHost {
        try makeRoom(for: rows, d, end)
        copy(rows, to: self.rows(count..<end, of: memory!.tensor))
      } else {
        memory = Memory(noGrad { value.map { Tensor.cat([$0, rows], dim: d) } ?? rows.detached().clone() })
      }
      count = end
      return value!
    } catch {
      report(error)
      return .poisoned(rows.spec)
    }
  }

  /// Keeps the first `count` rows. Values that were read stay as they are.
  public mutating func truncate(to count: Int) {
    guard count >= 0 && count <= self.count else {
      return report(OpError("TensorCache.truncate", "cannot keep \(count) of \(self.count) rows"))
    }
    self.count = count
  }

  /// Makes room for `capacity` rows at least; at once if the cache has a value, otherwise with the first one.
  public mutating func reserve(_ capacity: Int) {
    minimum = max(minimum, capacity)
    guard let old = memory?.tensor, old.device.isHost, capacity > self.capacity else { return }
    do throws(OpError) { try move(to: old, axis(old), capacity) } catch { report(error) }
  }

  private func axis(_ tensor: Tensor) -> Int { dim < 0 ? dim + tensor.rank : dim }

  private func rows(_ range: Range<Int>, of tensor: Tensor) -> Tensor {
    var layout = tensor.layout
    let d = axis(tensor)
    layout.shape[d] = range.count
    layout.offset += range.lowerBound * layout.strides[d]
    return tensor.aliased(layout)
  }

  private func copy(_ source: Tensor, to target: Tensor) {
    let (from, to) = (source.hostView, target.hostView)
    Strided.copy(from.pointer, from.dtype, from.strides, to: to.pointer, to.dtype, to.strides, over: from.shape)
    withExtendedLifetime((source, target)) {}
    CopiedBytes.add(from.byteCount)
  }

  private func check(_ rows: Tensor, _ d: Int) throws(OpError) {
    guard let value else { return }
    var expected = rows.shape
    expected[d] = count
    guard expected == value.shape, rows.dtype == value.dtype, rows.device == value.device else {
      throw OpError("TensorCache.append", "rows \(rows.spec) do not fit the cache \(value.spec)")
    }
  }

  /// Makes the rows from `count` to `end` this cache's own.
  private mutating func makeRoom(for rows: Tensor, _ d: Int, _ end: Int) throws(OpError) {
    if memory != nil, end <= capacity {
      let own = memory!.used.compareExchange(expected: count, desired: end, ordering: .acquiringAndReleasing).exchanged
      if own { return }
      // The rows after `count` may be somebody's: of another copy, or of a value that was read before `truncate`.
      if isKnownUniquelyReferenced(&memory), memory!.tensor.body.holdsStorageAlone() {
        return memory!.used.store(end, ordering: .relaxed)
      }
    }
    try move(to: rows, d, end <= capacity ? capacity : max(end, 2 * capacity, minimum))
    memory!.used.store(end, ordering: .relaxed)
  }

  /// New memory of the kind of `like` for `capacity` rows, with the present ones.
  private mutating func move(to like: Tensor, _ d: Int, _ capacity: Int) throws(OpError) {
    var spec = like.spec
    spec.shape[d] = capacity
    let new = Memory(try .uninitialized(spec, op: "TensorCache"))
    new.used.store(count, ordering: .relaxed)
    if let old = value, count > 0 { copy(old, to: rows(0..<count, of: new.tensor)) }
    memory = new
  }
}
