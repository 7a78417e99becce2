import Synchronization

/// Error flags that several threads raise.
package final class FlagBox: Sendable {
  private let flags = Atomic<Int32>(0)
  package init() {}
  package var value: Int32 { flags.load(ordering: .relaxed) }
  package func insert(_ flag: Int32) { if flag != 0 { flags.bitwiseOr(flag, ordering: .relaxed) } }
}
