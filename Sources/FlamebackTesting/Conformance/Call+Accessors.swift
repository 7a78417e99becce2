import Flameback
import FlamebackCore
import FlamebackKernels

/// Typed access. A position of nil means that the parameter is keyword-only; None counts as not given.
extension Call {
  private func convert<T>(
    _ position: Int?, _ name: String, _ expected: String, _ body: (Value) throws -> T?
  ) throws -> T? {
    guard let value = try value(position, name) else { return nil }
    guard let result = try body(value) else { throw wrong(position, name, expected, value) }
    return result
  }

  private func require<T>(_ value: T?, _ position: Int?, _ name: String) throws -> T {
    guard let value else { throw wrong(position, name, "given", nil) }
    return value
  }

  // MARK: Tensors

  public func optionalTensor(_ position: Int?, _ name: String) throws -> Tensor? {
    try convert(position, name, "a tensor", \.tensor)
  }

  public func tensor(_ position: Int?, _ name: String) throws -> Tensor {
    try require(optionalTensor(position, name), position, name)
  }

  public func optionalTensors(_ position: Int?, _ name: String) throws -> [Tensor]? {
    try convert(position, name, "a sequence of tensors") { value in
      guard let items = value.items else { return nil }
      return try items.map { item in
        guard let tensor = item.tensor else { throw wrong(position, name, "a sequence of tensors", item) }
        return tensor
      }
    }
  }

  public func tensors(_ position: Int?, _ name: String) throws -> [Tensor] {
    try require(optionalTensors(position, name), position, name)
  }

  /// A list of tensors, or all remaining positional arguments (`torch.einsum`, `torch.broadcast_tensors`).
  public func tensorsOrRest(_ position: Int, _ name: String) throws -> [Tensor] {
    if position < args.count, args[position].tensor != nil {
      return try (position..<args.count).map { try tensor($0, name) }
    }
    return try tensors(position, name)
  }

  /// A tensor or a number.
  public func optionalOperand(_ position: Int?, _ name: String) throws -> Operand? {
    try convert(position, name, "a tensor or a number") { value in
      value.tensor.map(Operand.tensor) ?? value.scalar.map(Operand.scalar)
    }
  }

  public func operand(_ position: Int?, _ name: String) throws -> Operand {
    try require(optionalOperand(position, name), position, name)
  }

  // MARK: Numbers

  public func optionalInt(_ position: Int?, _ name: String) throws -> Int? {
    try convert(position, name, "an int", Call.int)
  }

  public func int(_ position: Int?, _ name: String) throws -> Int {
    try require(optionalInt(position, name), position, name)
  }

  public func int(_ position: Int?, _ name: String, default fallback: Int) throws -> Int {
    try optionalInt(position, name) ?? fallback
  }

  /// Python takes integers from 0-d integer tensors too.
  private static func int(_ value: Value) -> Int? {
    switch value {
    case .int(let int): int
    case .tensor(let tensor) where tensor.elementCount == 1 && tensor.dtype.isInteger: tensor.itemInt()
    default: nil
    }
  }

  /// A list of ints; a single one counts as a list of one.
  public func optionalInts(_ position: Int?, _ name: String) throws -> [Int]? {
    try convert(position, name, "ints") { value in
      if let int = Call.int(value) { return [int] }
      guard let items = value.items else { return nil }
      return try items.map { item in
        guard let int = Call.int(item) else { throw wrong(position, name, "ints", item) }
        return int
      }
    }
  }

  public func ints(_ position: Int?, _ name: String) throws -> [Int] {
    try require(optionalInts(position, name), position, name)
  }

  public func ints(_ position: Int?, _ name: String, default fallback: [Int]) throws -> [Int] {
    try optionalInts(position, name) ?? fallback
  }

  /// `count` ints; a single one stands for all (`kernel_size=3`).
  public func ints(_ position: Int?, _ name: String, count: Int, default fallback: Int? = nil) throws -> [Int] {
    guard let values = try optionalInts(position, name) ?? fallback.map({ [$0] }) else {
      throw wrong(position, name, "given", nil)
    }
    return values.count == 1 ? Array(repeating: values[0], count: count) : values
  }

  /// A size: a list, or all remaining positional arguments (`x.view(2, 3)`).
  public func sizes(_ position: Int, _ name: String) throws -> [Int] {
    if position + 1 < args.count, case .int = args[position], case .int = args[position + 1] {
      return try (position..<args.count).map { try int($0, name) }
    }
    if position == args.count, !has(nil, name) { return [] }
    return try ints(position, name)
  }

  /// A size as a `Shape`.
  public func shape(_ position: Int, _ name: String) throws -> Shape { Shape(try sizes(position, name)) }

  public func optionalDouble(_ position: Int?, _ name: String) throws -> Double? {
    try convert(position, name, "a number") { value in
      switch value {
      case .float(let value): value
      case .int(let value): Double(value)
      case .bool(let value): value ? 1 : 0
      case .tensor(let tensor) where tensor.elementCount == 1: tensor.itemDouble()
      default: nil
      }
    }
  }

  public func double(_ position: Int?, _ name: String) throws -> Double {
    try require(optionalDouble(position, name), position, name)
  }

  public func double(_ position: Int?, _ name: String, default fallback: Double) throws -> Double {
    try optionalDouble(position, name) ?? fallback
  }

  /// A list of numbers; a single one counts as a list of one.
  public func optionalDoubles(_ position: Int?, _ name: String) throws -> [Double]? {
    try convert(position, name, "numbers") { value in
      try (value.items ?? [value]).map { item in
        guard let scalar = item.scalar else { throw wrong(position, name, "numbers", item) }
        return scalar.double
      }
    }
  }

  /// A Python number; one-element tensors count.
  public func optionalScalar(_ position: Int?, _ name: String) throws -> Scalar? {
    try convert(position, name, "a number") { value in
      if let tensor = value.tensor, tensor.elementCount == 1 { return tensor.item() }
      return value.scalar
    }
  }

  public func scalar(_ position: Int?, _ name: String) throws -> Scalar {
    try require(optionalScalar(position, name), position, name)
  }

  public func scalar(_ position: Int?, _ name: String, default fallback: Scalar) throws -> Scalar {
    try optionalScalar(position, name) ?? fallback
  }

  public func optionalBool(_ position: Int?, _ name: String) throws -> Bool? {
    try convert(position, name, "a bool") { value in
      switch value {
      case .bool(let value): value
      case .int(let value): value != 0
      default: nil
      }
    }
  }

  public func bool(_ position: Int?, _ name: String, default fallback: Bool = false) throws -> Bool {
    try optionalBool(position, name) ?? fallback
  }

  // MARK: Words

  public func optionalString(_ position: Int?, _ name: String) throws -> String? {
    try convert(position, name, "a str") { if case .string(let text) = $0 { text } else { nil } }
  }

  public func string(_ position: Int?, _ name: String) throws -> String {
    try require(optionalString(position, name), position, name)
  }

  public func string(_ position: Int?, _ name: String, default fallback: String) throws -> String {
    try optionalString(position, name) ?? fallback
  }

  public func optionalDType(_ position: Int?, _ name: String) throws -> DType? {
    try convert(position, name, "a dtype") { if case .dtype(let dtype) = $0 { dtype } else { nil } }
  }

  public func dtype(_ position: Int?, _ name: String) throws -> DType {
    try require(optionalDType(position, name), position, name)
  }

  /// A keyword-only dtype; nil if absent.
  public func dtype(named name: String = "dtype") throws -> DType? { try optionalDType(nil, name) }

  public func device(named name: String = "device") throws -> Device? {
    try convert(nil, name, "a device") { value in
      switch value {
      case .device(let device): device
      case .string(let text): try Device(text)
      default: nil
      }
    }
  }

  /// dtype, device and requires_grad of a factory function; `layout` and `pin_memory` make no difference.
  public func factoryOptions() throws -> (dtype: DType?, device: Device?, requiresGrad: Bool) {
    ignore("layout", "pin_memory", "memory_format")
    return (try dtype(), try device(), try bool(nil, "requires_grad"))
  }

  /// The only method that PyTorch knows here: a function given by name, looked up in the operator table.
  public func function(_ position: Int?, _ name: String) throws -> (([Value]) throws -> Value)? {
    try convert(position, name, "a function") { value in
      guard case .function(let function) = value else { return nil }
      guard let entry = OperatorTable.find(function)?.entry else { throw UnknownOperation(function) }
      return { args in try entry(Call(function, args)) }
    }
  }

  /// The value that a constructor of the operator table makes (`distributions.Normal`); the object itself is given back too.
  public func object<T>(_ position: Int?, _ name: String, as type: T.Type = T.self) throws -> T {
    let result: T? = try convert(position, name, "an object of \(T.self)") { value in
      try Call.construct(value) as? T
    }
    return try require(result, position, name)
  }

  /// Calls the constructor of an object; other values are given back unpacked.
  static func construct(_ value: Value) throws -> Any {
    switch value {
    case .object(let name, let args, let kwargs):
      guard let entry = OperatorTable.find(name)?.entry else { throw UnknownOperation(name) }
      let call = Call(name, args, kwargs)
      let result = try entry(call)
      try call.finish()
      return try construct(result)
    case .any(let value): return value
    default: return value
    }
  }
}
