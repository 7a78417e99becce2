/// What a pickle holds, without Python: plain values, containers and tensors.
public indirect enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer beyond 64 bits: two's complement, little end first.
  case bigInt([UInt8])
  case float(Double)
  case complex(Double, Double)
  case string(String)
  case bytes([UInt8])
  case list([PickleValue])
  case tuple([PickleValue])
  case set([PickleValue])
  case dict(PickleDict)
  case tensor(RawTensor)
  /// `torch.Size`
  case size([Int])
  /// `torch.float32` and its like.
  case dtype(StoredType)
  /// `torch.device("cpu")`
  case device(String)
  /// An object of a class that is only known by name (TorchScript modules) and its attributes.
  case object(type: String, PickleDict)
}

/// A Python dictionary: ordered, its keys any value.
public struct PickleDict: Sendable, RandomAccessCollection {
  public struct Entry: Sendable {
    public var key: PickleValue
    public var value: PickleValue

    public init(key: PickleValue, value: PickleValue) {
      self.key = key
      self.value = value
    }
  }

  public var entries: [Entry]
  /// True for `collections.OrderedDict`, as state dicts are.
  public var isOrdered: Bool
  /// Attributes set on the dictionary itself: `_metadata` of a state dict.
  public var attributes: [Entry]

  public init(_ entries: [Entry] = [], isOrdered: Bool = false, attributes: [Entry] = []) {
    self.entries = entries
    self.isOrdered = isOrdered
    self.attributes = attributes
  }

  /// A dictionary of string keys.
  public init(_ pairs: [(String, PickleValue)], isOrdered: Bool = false) {
    self.init(pairs.map { Entry(key: .string($0.0), value: $0.1) }, isOrdered: isOrdered)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { entries.count }
  public subscript(position: Int) -> Entry { entries[position] }

  public subscript(key: String) -> PickleValue? { entries.first { $0.key.string == key }?.value }
  /// The value of an integer key, as optimizer states have them.
  public subscript(int key: Int) -> PickleValue? { entries.first { $0.key.int == key }?.value }
}

extension PickleValue {
  public var isNone: Bool { if case .none = self { true } else { false } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var tensor: RawTensor? { if case .tensor(let value) = self { value } else { nil } }
  public var dict: PickleDict? { if case .dict(let value) = self { value } else { nil } }

  /// Any real number as a double.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .float(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// A string; Python 2's byte strings count if they are UTF-8.
  public var string: String? {
    switch self {
    case .string(let value): value
    case .bytes(let value): String(validating: value, as: UTF8.self)
    default: nil
    }
  }

  /// The items of a list, tuple or set.
  public var items: [PickleValue]? {
    switch self {
    case .list(let values), .tuple(let values), .set(let values): values
    case .size(let sizes): sizes.map { .int($0) }
    default: nil
    }
  }

  /// The value of a dictionary's key or an object's attribute.
  public subscript(key: String) -> PickleValue? {
    switch self {
    case .dict(let dict): dict[key]
    case .object(_, let attributes): attributes[key]
    default: nil
    }
  }

  /// An item of a list or tuple.
  public subscript(index: Int) -> PickleValue? {
    guard let items, items.indices.contains(index) else { return nil }
    return items[index]
  }

  /// All tensors with their paths, such as `model.fc1.weight` or `state.0.exp_avg`.
  public var namedTensors: [(name: String, tensor: RawTensor)] {
    var result: [(String, RawTensor)] = []
    func walk(_ value: PickleValue, _ name: String) {
      func join(_ part: String) -> String { name.isEmpty ? part : "\(name).\(part)" }
      switch value {
      case .tensor(let tensor): result.append((name, tensor))
      case .list(let items), .tuple(let items), .set(let items):
        for (i, item) in items.enumerated() { walk(item, join(String(i))) }
      case .dict(let dict), .object(_, let dict):
        for entry in dict { walk(entry.value, join(entry.key.string ?? entry.key.int.map(String.init) ?? "?")) }
      default: break
      }
    }
    walk(self, "")
    return result
  }
}
