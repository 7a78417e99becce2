import Flameback
import FlamebackCore

/// A module made from a recorded constructor, and how to call it.
public struct BuiltModule {
  public let module: Module
  /// Runs the module on recorded arguments; `call.name` is the method, `forward` for the module itself.
  public let forward: (Call) throws -> Value

  public init(_ module: Module, forward: @escaping (Call) throws -> Value) {
    self.module = module
    self.forward = forward
  }

  /// A layer from one tensor to one tensor.
  public init(_ layer: some UnaryLayer) {
    self.init(layer) { call in .tensor(layer(try call.tensor(0, "input"))) }
  }
}

/// From PyTorch's module classes (`nn.Linear`, `torchvision.ops.MLP`, and functions that return modules) to ours.
public enum ModuleTable {
  public typealias Entry = @Sendable (Call) throws -> BuiltModule

  static let all: [String: Entry] = [layers, containers, losses, recurrent, transformers, domains, models, audio]
    .reduce(
      into: [:]) {
      $0.merge($1) { first, _ in first }
    }

  /// Calls a constructor. Programmer errors go to the surrounding `withErrors`.
  static func build(_ name: String, _ args: [Value], _ kwargs: [(String, Value)]) throws -> BuiltModule {
    guard let entry = all[name] else { throw UnknownOperation(name) }
    let call = Call(name, args, kwargs)
    call.ignore("device", "dtype")
    let built = try entry(call)
    try call.finish()
    return built
  }

  /// The module that a value is: a recorded constructor or one already made.
  static func build(_ value: Value) throws -> BuiltModule {
    switch value {
    case .object(let name, let args, let kwargs): return try build(name, args, kwargs)
    case .any(let built as BuiltModule): return built
    default: throw CallError("expected a module, not \(value.kind)")
    }
  }
}

extension Call {
  /// A module argument.
  public func optionalModule(_ position: Int?, _ name: String) throws -> BuiltModule? {
    try value(position, name).map(ModuleTable.build)
  }

  public func module(_ position: Int?, _ name: String) throws -> BuiltModule {
    guard let module = try optionalModule(position, name) else { throw wrong(position, name, "given", nil) }
    return module
  }

  /// A sequence of modules, or all remaining positional arguments.
  public func modulesOrRest(_ position: Int, _ name: String) throws -> [BuiltModule] {
    if let items = peek(position, name)?.items {
      _ = try given(position, name)
      return try items.map(ModuleTable.build)
    }
    return try (position..<max(args.count, position)).map { try module($0, name) }
  }
}
