import Synchronization

/// The bytes that this process copied within a device's memory: clones, packed copies of views, copies because somebody
/// else held the memory to be written, and the values that indexed writes put into a tensor.
package enum CopiedBytes {
  private static let count = Atomic<Int>(0)

  package static var total: Int { count.load(ordering: .relaxed) }
  package static func add(_ bytes: Int) { count.add(bytes, ordering: .relaxed) }
}

extension HostView {
  package var byteCount: Int { elementCount * dtype.byteSize }
}
