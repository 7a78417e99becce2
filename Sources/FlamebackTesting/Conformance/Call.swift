import Flameback
import FlamebackKernels

/// Why a recorded call could not be made: what PyTorch calls a TypeError.
public struct CallError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A recorded PyTorch call. Entries of the operator table read its arguments by position or name, as PyTorch's signature
/// has them; an argument that nobody read is an error, so that nothing is silently ignored.
public final class Call {
  /// PyTorch's name of what is called.
  public let name: String
  let args: [Value]
  let kwargs: [(String, Value)]
  private var unread: Set<Int>
  private var unreadNames: Set<String>
  /// New contents of arguments that the call changes, by position or name.
  private(set) var mutations: [(argument: Argument, tensor: Tensor)] = []
  /// Whether the case calls an in-place form (`Tensor.add_`).
  public internal(set) var isInPlace = false

  enum Argument { case position(Int), name(String) }

  public init(_ name: String, _ args: [Value], _ kwargs: [(String, Value)] = []) {
    self.name = name
    self.args = args
    self.kwargs = kwargs
    unread = Set(args.indices)
    unreadNames = Set(kwargs.map(\.0))
  }

  /// Names that PyTorch accepts for a parameter beside its own.
  private static let synonyms = [
    "dim": ["axis", "axes", "dims"], "dims": ["axes", "dim"], "keepdim": ["keepdims"], "input": ["x", "self"],
    "other": ["x2"], "size": ["shape"],
  ]

  private func find(_ position: Int?, _ name: String) throws -> (Argument, Value)? {
    var named = kwargs.first { $0.0 == name }
    if named == nil, let others = Call.synonyms[name] { named = kwargs.first { others.contains($0.0) } }
    if let position, position < args.count {
      if let named { throw CallError("\(self.name)() got multiple values for argument '\(named.0)'") }
      return (.position(position), args[position])
    }
    return named.map { (.name($0.0), $0.1) }
  }

  /// The argument, None included; nil if it was not given.
  public func given(_ position: Int?, _ name: String) throws -> Value? {
    guard let (argument, value) = try find(position, name) else { return nil }
    switch argument {
    case .position(let i): unread.remove(i)
    case .name(let name): unreadNames.remove(name)
    }
    return value
  }

  /// The argument; nil if it was not given or is None.
  public func value(_ position: Int?, _ name: String) throws -> Value? {
    guard let value = try given(position, name), !value.isNone else { return nil }
    return value
  }

  /// Looks without reading: the argument's value, nil if absent.
  public func peek(_ position: Int?, _ name: String) -> Value? { (try? find(position, name))?.1 }

  public var positionalCount: Int { args.count }
  /// Whether the argument was given (None included), without reading it.
  public func has(_ position: Int?, _ name: String) -> Bool { peek(position, name) != nil }
  public func isTensor(_ position: Int?, _ name: String) -> Bool { peek(position, name)?.tensor != nil }
  public func isInt(_ position: Int?, _ name: String) -> Bool {
    if case .int = peek(position, name) { true } else { false }
  }
  public func isString(_ position: Int?, _ name: String) -> Bool {
    if case .string = peek(position, name) { true } else { false }
  }
  public func isSequence(_ position: Int?, _ name: String) -> Bool { peek(position, name)?.items != nil }

  /// Reads an argument that makes no difference here (`out` hints, `memory_format`, `foreach`, …).
  public func ignore(_ names: String...) { for name in names { _ = try? given(nil, name) } }

  /// Says that the call changes an argument, and to what.
  public func mutate(_ position: Int?, _ name: String, to tensor: Tensor) throws {
    guard let (argument, _) = try find(position, name) else { return }
    mutations.append((argument, tensor))
  }

  /// Throws if an argument was not read; `out: None` says that there is no place for the result.
  public func finish() throws {
    if let position = unread.min() {
      throw CallError("\(name)(): argument \(position) (\(args[position].kind)) is not used")
    }
    let hasNoPlace = kwargs.contains { $0.0 == "out" && $0.1.isNone }
    if let name = unreadNames.subtracting(hasNoPlace ? ["out"] : []).min() {
      throw CallError("\(self.name)(): argument '\(name)' is not used")
    }
  }

  func wrong(_ position: Int?, _ name: String, _ expected: String, _ value: Value?) -> CallError {
    guard let value else { return CallError("\(self.name)() missing required argument '\(name)'") }
    let place = position.map { " (position \($0))" } ?? ""
    return CallError("\(self.name)(): argument '\(name)'\(place) must be \(expected), not \(value.kind)")
  }
}
