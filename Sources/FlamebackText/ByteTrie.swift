/// A hash table from 64-bit keys to numbers: open addressing, no removal.
struct NumberTable: Sendable {
  private var keys: [UInt64]
  private var values: [Int]
  private(set) var count = 0

  init(capacity: Int = 16) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    keys = [UInt64](repeating: .max, count: size)
    values = [Int](repeating: 0, count: size)
  }

  @inline(__always)
  private func slot(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var at = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
    while keys[at] != key, keys[at] != .max { at = (at + 1) & mask }
    return at
  }

  /// Keys below `UInt64.max`.
  @inline(__always)
  subscript(key: UInt64) -> Int? {
    let at = slot(key)
    return keys[at] == key ? values[at] : nil
  }

  mutating func set(_ key: UInt64, _ value: Int) {
    if 2 * (count + 1) > keys.count { grow() }
    let at = slot(key)
    if keys[at] != key {
      keys[at] = key
      count += 1
    }
    values[at] = value
  }

  private mutating func grow() {
    var larger = NumberTable(capacity: keys.count)
    for (i, key) in keys.enumerated() where key != .max { larger.set(key, values[i]) }
    self = larger
  }
}

/// Byte strings with a number each, found by walking along a text.
struct ByteTrie: Sendable {
  /// The node before any byte.
  static let root = 0

  private var edges = NumberTable()
  /// For each node the number of the string that ends there, or -1.
  private var numbers: [Int32] = [-1]

  @inline(__always)
  func child(_ node: Int, _ byte: UInt8) -> Int? { edges[UInt64(node) << 8 | UInt64(byte)] }

  /// The number of the string that ends in `node`.
  @inline(__always)
  func number(_ node: Int) -> Int? { numbers[node] < 0 ? nil : Int(numbers[node]) }

  mutating func insert(_ bytes: some Sequence<UInt8>, _ number: Int32) {
    var node = Self.root
    for byte in bytes {
      if let next = child(node, byte) {
        node = next
      } else {
        numbers.append(-1)
        edges.set(UInt64(node) << 8 | UInt64(byte), numbers.count - 1)
        node = numbers.count - 1
      }
    }
    numbers[node] = number
  }

  /// The node at the end of `bytes`, nil if nothing begins so.
  func node(_ bytes: some Sequence<UInt8>, from start: Int = root) -> Int? {
    var node = start
    for byte in bytes {
      guard let next = child(node, byte) else { return nil }
      node = next
    }
    return node
  }

  /// The number of exactly that string.
  subscript(bytes: some Sequence<UInt8>) -> Int? { node(bytes).flatMap { number($0) } }

  /// The longest string that `bytes` have at `start`, walked to from `node`.
  @inline(__always)
  func longest(_ bytes: [UInt8], from start: Int, node: Int = root) -> (number: Int, end: Int)? {
    var node = node
    var best: (number: Int, end: Int)?
    var at = start
    while at < bytes.count, let next = child(node, bytes[at]) {
      node = next
      at += 1
      if let number = number(node) { best = (number, at) }
    }
    return best
  }
}

/// Tokens and their ids. Tokens are told apart byte by byte: Swift's strings would take é and e + ´ for equal.
struct Vocabulary: Sendable {
  private(set) var trie = ByteTrie()
  private var tokens: [Int: String] = [:]

  var count: Int { tokens.count }
  var entries: [Int: String] { tokens }

  /// A token given twice keeps the last id.
  mutating func insert(_ token: String, _ id: Int) {
    trie.insert(token.utf8, Int32(id))
    tokens[id] = token
  }

  func id(_ token: String) -> Int? { trie[token.utf8] }
  func token(_ id: Int) -> String? { tokens[id] }
}
