import Flameback
import FlamebackKernels

/// An argument or a result of a recorded PyTorch call.
public indirect enum Value {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case complex(Double, Double)
  case string(String)
  case tensor(Tensor)
  case list([Value])
  /// A tuple; named tuples carry their names.
  case tuple([Value], fields: [String] = [])
  case dict([(String, Value)])
  /// `start:stop:step` of an index expression.
  case slice(Int?, Int?, Int?)
  case ellipsis
  case dtype(DType)
  case device(Device)
  /// `strided`, `sparse_coo`, …
  case layout(String)
  /// `channels_last`, `contiguous_format`, …
  case memoryFormat(String)
  /// A PyTorch function, by name.
  case function(String)
  /// The result of calling that constructor.
  case object(class: String, args: [Value], kwargs: [(String, Value)])
  /// Anything of ours: a distribution, a module.
  case any(Any)
}

extension Value {
  /// Several tensors, as a tuple.
  public static func tensors(_ tensors: [Tensor], fields: [String] = []) -> Value {
    .tuple(tensors.map(Value.tensor), fields: fields)
  }

  public static func tensors(_ tensors: Tensor..., fields: [String] = []) -> Value {
    .tuple(tensors.map(Value.tensor), fields: fields)
  }

  /// A Python number.
  public static func scalar(_ scalar: Scalar) -> Value {
    switch scalar {
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    case .complex(let real, let imaginary): .complex(real, imaginary)
    }
  }

  public static func ints(_ values: some Sequence<Int>) -> Value { .list(values.map(Value.int)) }
  public static func optional(_ tensor: Tensor?) -> Value { tensor.map(Value.tensor) ?? .none }

  public var isNone: Bool { if case .none = self { true } else { false } }
  public var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }

  /// The items of a list or tuple.
  public var items: [Value]? {
    switch self {
    case .list(let items), .tuple(let items, _): items
    default: nil
    }
  }

  /// Any Python number.
  public var scalar: Scalar? {
    switch self {
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    case .complex(let real, let imaginary): .complex(real, imaginary)
    default: nil
    }
  }

  /// All tensors in it, in order.
  public var allTensors: [Tensor] {
    switch self {
    case .tensor(let tensor): [tensor]
    case .list(let items), .tuple(let items, _): items.flatMap(\.allTensors)
    case .dict(let members): members.flatMap(\.1.allTensors)
    default: []
    }
  }

  /// The value at a path of positions.
  subscript(path: ArraySlice<Int>) -> Value? {
    guard let first = path.first else { return self }
    guard let items, items.indices.contains(first) else { return nil }
    return items[first][path.dropFirst()]
  }

  /// What it is, for messages.
  public var kind: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .int: "int"
    case .float: "float"
    case .complex: "complex"
    case .string(let text): "'\(text)'"
    case .tensor(let tensor): "tensor \(tensor.spec)"
    case .list(let items): "list of \(items.count)"
    case .tuple(let items, _): "tuple of \(items.count)"
    case .dict: "dict"
    case .slice: "slice"
    case .ellipsis: "ellipsis"
    case .dtype(let dtype): "dtype \(dtype)"
    case .device(let device): "device \(device)"
    case .layout(let name), .memoryFormat(let name), .function(let name): name
    case .object(let name, _, _): "object \(name)"
    case .any(let value): "\(type(of: value))"
    }
  }
}

extension Value {
  /// All tensors inside, in order.
  var tensors: [Tensor] {
    var found: [Tensor] = []
    _ = replacingTensors { tensor in
      found.append(tensor)
      return tensor
    }
    return found
  }

  func replacingTensors(with replacement: (Tensor) -> Tensor) -> Value {
    switch self {
    case .tensor(let tensor): .tensor(replacement(tensor))
    case .list(let items): .list(items.map { $0.replacingTensors(with: replacement) })
    case .tuple(let items, let fields): .tuple(items.map { $0.replacingTensors(with: replacement) }, fields: fields)
    case .dict(let items): .dict(items.map { ($0.0, $0.1.replacingTensors(with: replacement)) })
    default: self
    }
  }
}
