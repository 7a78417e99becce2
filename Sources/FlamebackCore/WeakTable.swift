/// A table whose keys are objects that it does not keep alive.
///
/// An entry belongs to the object and ends with it: another object that the system puts at the address of a dead one
/// finds nothing.
package struct WeakTable<Key: AnyObject, Value> {
  private struct Entry {
    weak var key: Key?
    var value: Value
  }

  private var entries: [ObjectIdentifier: Entry] = [:]
  /// The number of entries after which dead ones are looked for; it follows the number of living ones.
  private var sweepLimit = 32

  package init() {}

  /// The value of a living object.
  package subscript(key: Key) -> Value? {
    get {
      guard let entry = entries[ObjectIdentifier(key)], entry.key === key else { return nil }
      return entry.value
    }
    set {
      guard let newValue else {
        entries[ObjectIdentifier(key)] = nil
        return
      }
      if entries.count >= sweepLimit {
        removeDead()
        sweepLimit = max(32, 2 * entries.count)
      }
      entries[ObjectIdentifier(key)] = Entry(key: key, value: newValue)
    }
  }

  /// The number of entries, those of dead objects included that no sweep has found yet.
  package var count: Int { entries.count }

  /// Lets go of the values whose objects are gone.
  package mutating func removeDead() {
    guard entries.values.contains(where: { $0.key == nil }) else { return }
    entries = entries.filter { $0.value.key != nil }
  }
}
