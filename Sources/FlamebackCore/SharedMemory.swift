import FlamebackKernels
import Synchronization

/// One block of memory of which several owners hold a range each: flat parameters, gradient buckets.
///
/// Tensors see a range through a lease, a storage of its own: whoever holds a tensor of the range, or a view of one, holds
/// the lease. So a storage with a single holder means here, too, that nobody else sees the values, and the owner may
/// write over them. Tensors over several ranges (the whole block) are spans: while one is alive, no range below it is
/// written in place.
package final class SharedMemory: Sendable {
  private struct Spans {
    var ranges: [Int: Range<Int>] = [:]
    var next = 0
  }

  let storage: Storage
  private let spans = Mutex(Spans())
  /// The number of spans: usually none, which is then known without the lock.
  private let spanCount = Atomic<Int>(0)

  /// A block of zeros.
  package init(byteCount: Int, device: Device, op: String) throws(OpError) {
    let bytes = TensorSpec(shape: [max(byteCount, 1)], dtype: .uint8, device: device)
    storage = Tensor.filled(0, bytes).body.storage
    guard storage.byteCount >= byteCount else {  // one element stands in where there was no memory
      throw OpError(op, "out of memory: cannot allocate \(byteCount) bytes on \(device)")
    }
  }

  package var device: Device { storage.device }

  /// Whether a span is alive.
  package var isSpanned: Bool { spanCount.load(ordering: .acquiring) > 0 }

  /// Whether a span lies over a part of the range.
  func isSpanned(_ range: Range<Int>) -> Bool {
    if spanCount.load(ordering: .acquiring) == 0 { return false }
    return spans.withLock { $0.ranges.values.contains { $0.overlaps(range) } }
  }

  /// A contiguous tensor over a range, in bytes. It keeps its values: owners below copy before they write.
  package func span(_ range: Range<Int>, shape: Shape, dtype: DType) -> Tensor {
    let id = spans.withLock { spans in
      spans.next += 1
      spans.ranges[spans.next] = range
      return spans.next
    }
    spanCount.add(1, ordering: .releasing)
    let lease = Lease(self, range, isSpan: true) { [self] in
      spans.withLock { _ = $0.ranges.removeValue(forKey: id) }
      spanCount.subtract(1, ordering: .releasing)
    }
    return Tensor(TensorBody(storage: Storage(lease), layout: Layout(shape), dtype: dtype))
  }
}

/// The right of one storage to a range of a shared memory; it ends with the storage.
package final class Lease: Sendable {
  let memory: SharedMemory
  let range: Range<Int>
  private let isSpan: Bool
  /// Whether a span may be written to for now: its maker has seen that nobody else looks.
  private let isExclusive = Atomic<Bool>(false)
  private let end: @Sendable () -> Void

  init(_ memory: SharedMemory, _ range: Range<Int>, isSpan: Bool, end: @escaping @Sendable () -> Void) {
    self.memory = memory
    self.range = range
    self.isSpan = isSpan
    self.end = end
  }

  /// Whether nobody sees the range through other leases.
  var mayBeWritten: Bool {
    isSpan ? isExclusive.load(ordering: .relaxed) : !memory.isSpanned(range)
  }

  package func setExclusive(_ value: Bool) { isExclusive.store(value, ordering: .relaxed) }

  deinit { end() }
}

/// The range of a shared memory where an owner keeps a tensor of one shape and dtype: a parameter's values, its gradient.
package final class Region: Sendable {
  package let memory: SharedMemory
  /// In bytes.
  package let range: Range<Int>
  package let shape: Shape
  package let dtype: DType
  private let isLeased = Atomic<Bool>(false)

  package init(_ memory: SharedMemory, at offset: Int, shape: Shape, dtype: DType) {
    self.memory = memory
    self.shape = shape
    self.dtype = dtype
    range = offset..<offset + shape.elementCount * dtype.byteSize
  }

  private var place: UInt64 { memory.storage.place + UInt64(range.lowerBound) }

  package func fits(_ tensor: Tensor) -> Bool {
    tensor.shape == shape && tensor.dtype == dtype && tensor.device == memory.device
  }

  /// Whether the tensor lies here, as a whole and in order.
  package func holds(_ tensor: Tensor) -> Bool {
    fits(tensor) && tensor.isContiguous && tensor.place == place
  }

  /// The tensor here: itself if it lies here already, otherwise a copy.
  ///
  /// It stays where it is if it does not fit, has a history or is being traced, and while somebody holds an older value
  /// of this range.
  package func settled(_ tensor: consuming Tensor) -> Tensor {
    if holds(tensor) || !fits(tensor) || tensor.requiresGrad || tensor.isPoisoned || Context.isTracing {
      return tensor
    }
    guard let home = lease() else { return tensor }
    guard (try? home.copyElements(of: tensor)) != nil else { return tensor }
    return home
  }

  /// An uninitialised tensor over the range; nil while an older lease or a span is alive.
  private func lease() -> Tensor? {
    guard !memory.isSpanned(range),
      isLeased.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else { return nil }
    let lease = Lease(memory, range, isSpan: false) { [self] in isLeased.store(false, ordering: .releasing) }
    return Tensor(TensorBody(storage: Storage(lease), layout: Layout(shape), dtype: dtype))
  }

  /// Fills the range with zeros; false while somebody holds a value of it.
  package func clear() -> Bool {
    guard let all = lease() else { return false }
    return (try? all.copyElements(of: .filled(0, all.spec))) != nil
  }
}

extension Tensor {
  /// A number that tells where on its device the first element lies.
  package var place: UInt64 { body.storage.place + UInt64(layout.offset * dtype.byteSize) }

  /// Writes the elements of `source`, of the same shape, dtype and device, into this contiguous tensor's memory.
  package func copyElements(of source: Tensor) throws(OpError) {
    let count = elementCount * dtype.byteSize
    if let backend = body.storage.backend {
      let from = try source.packed(op: "copy").deviceView.address
      var isDone = false
      do { isDone = try backend.copy(from, to: deviceView.address, of: backend, byteCount: count) } catch {
        throw error.error(in: "copy")
      }
      guard isDone else { throw OpError("copy", "\(device) does not copy within its own memory") }
    } else {
      Strided.copy(
        source.hostView.pointer, dtype, source.strides, to: hostView.pointer, dtype, nil, over: shape)
    }
    withExtendedLifetime((self, source)) {}
    CopiedBytes.add(count)
  }
}
