import FlamebackCore

/// A tree of numbers, texts and tensors: what optimizers and schedulers save, as files know it.
public indirect enum StateValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case tensor(Tensor)
  case list([StateValue])
  case tuple([StateValue])
  case dict(Named<StateValue>)
  /// A dictionary with whole numbers as keys.
  case indexed([Int: StateValue])

  /// The number, of a bool, an int, a double or a tensor with one element.
  public var double: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .double(let value): value
    case .tensor(let tensor) where tensor.elementCount == 1: tensor.itemDouble()
    default: nil
    }
  }

  /// The whole number.
  public var int: Int? { double.flatMap { Int(exactly: $0) } }

  /// The elements of a list or tuple.
  public var elements: [StateValue]? {
    switch self {
    case .list(let values), .tuple(let values): values
    default: nil
    }
  }

  /// The entry of that name.
  public subscript(name: String) -> StateValue? { if case .dict(let entries) = self { entries[name] } else { nil } }
}

/// A saved state that does not fit what loads it.
public struct StateError: Error, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
