import Flameback
import FlamebackCore

extension ModuleTable {
  static let containers: [String: Entry] = [
    "nn.Sequential": { c in
      let parts = try c.modulesOrRest(0, "args").map { built in
        guard let layer = built.module as? any UnaryLayer else { throw CallError("not a layer: \(built.module)") }
        return layer
      }
      return BuiltModule(Sequential(parts))
    },
    "nn.ModuleList": { c in uncallable(ModuleList(try c.modulesOrRest(0, "modules").map(\.module))) },
    "nn.ModuleDict": { c in
      guard case .dict(let members)? = try c.value(0, "modules") else { throw CallError("expected a dict") }
      return uncallable(ModuleDict(Named(try members.map { ($0.0, try build($0.1).module) })))
    },
    "nn.ParameterList": { c in uncallable(ParameterList(try c.tensors(0, "values"))) },
    "nn.ParameterDict": { c in
      guard case .dict(let members)? = try c.value(0, "parameters") else { throw CallError("expected a dict") }
      return uncallable(
        ParameterDict(
          Named(
            try members.map { name, value in
              guard let tensor = value.tensor else { throw CallError("expected a tensor, not \(value.kind)") }
              return (name, ParameterCell(tensor))
            })))
    },
  ]

  private static func uncallable(_ module: Module) -> BuiltModule {
    BuiltModule(module) { _ in throw CallError("the module cannot be called") }
  }
}
