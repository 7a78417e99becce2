import FlamebackCore

/// What a module consists of, found by looking at its stored properties.
struct Registry {
  var parameters: [(name: String, cell: ParameterCell)] = []
  var buffers: [(name: String, cell: BufferCell)] = []
  var children: [(name: String, module: Module)] = []
  /// Modules that compute a parameter and whose own ones appear beside it.
  var inlined: [Module] = []
  /// Parameters that were split later than the others were made.
  fileprivate var last: [(name: String, cell: ParameterCell)] = []

  /// Files `value` under `key`; containers and modules under the empty key file their elements under their own names.
  mutating func add(_ key: String, _ value: Any) {
    switch value {
    case let module as Module where key.isEmpty: merge(module.registry)
    case let module as Module: children.append((key, module))
    case let cell as ParameterCell:
      guard let source = cell.parametrization else { return parameters.append((key, cell)) }
      guard source.isInline else { return children.append(("parametrizations.\(key)", source)) }
      inlined.append(source)
      let parts = source.registry
      parts.parameters.forEach { last.append(("\(key)_\($0.name)", $0.cell)) }
      buffers += parts.buffers.map { ("\(key)_\($0.name)", $0.cell) }
    case let cell as BufferCell: buffers.append((key, cell))
    case let entry as any RegistryEntry: entry.register(key, &self)
    default: break
    }
  }

  /// Whether the value is or may contain state: most properties are plain numbers, whose names are not worth a look.
  static func mayHold(_ value: Any) -> Bool { value is Module || value is any RegistryEntry || value is any StateCell }

  /// Files the elements of a container: plain arrays and dictionaries appear as PyTorch's lists and dicts do.
  mutating func add(_ key: String, elements: some Sequence<(String, Any)>, isList: Bool) {
    var inner = Registry()
    for (name, element) in elements {
      let before = inner.count
      inner.add(name, element)
      if inner.count == before, !(element is any RegistryEntry) { return }  // plain data: do not read on
    }
    if key.isEmpty {
      merge(inner)
    } else if !inner.children.isEmpty {
      let modules = Named(inner.children.map { ($0.name, $0.module) })
      children.append((key, isList ? ModuleList(modules.values) : ModuleDict(modules)))
    } else if inner.count > 0 {
      let cells = Named(inner.parameters.map { ($0.name, $0.cell) })
      children.append((key, isList ? ParameterList(cells.values) : ParameterDict(cells)))
    }
  }

  private mutating func merge(_ inner: Registry) {
    parameters += inner.parameters
    buffers += inner.buffers
    children += inner.children
    inlined += inner.inlined
  }

  private var count: Int { parameters.count + buffers.count + children.count }
}

/// A stored property that holds state or may contain some.
protocol RegistryEntry {
  func register(_ key: String, _ registry: inout Registry)
}

extension Parameter: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) { registry.add(key, projectedValue) }
}

extension Buffer: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) { registry.add(key, projectedValue) }
}

extension Optional: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) { if let self { registry.add(key, self) } }
}

extension Array: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) {
    registry.add(key, elements: lazy.enumerated().map { ("\($0.offset)", $0.element) }, isList: true)
  }
}

extension Dictionary: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) {
    guard let names = Array(keys) as? [String] else { return }
    registry.add(key, elements: names.sorted().lazy.map { ($0, self[$0 as! Key]!) }, isList: false)
  }
}

extension Named: RegistryEntry {
  func register(_ key: String, _ registry: inout Registry) {
    registry.add(key, elements: lazy.map { ($0.name, $0.value) }, isList: false)
  }
}

extension Module {
  /// Looks at the stored properties, those of superclasses first. Nothing is cached: properties may be assigned.
  var registry: Registry {
    var registry = Registry()
    var mirrors: [Mirror] = []
    var next: Mirror? = Mirror(reflecting: self)
    while let mirror = next, mirror.subjectType != Module.self {
      mirrors.append(mirror)
      next = mirror.superclassMirror
    }
    let keys = Self.stateKeys
    for mirror in mirrors.reversed() {
      for case (let label?, let value) in mirror.children where Registry.mayHold(value) {
        let name = label.hasPrefix("_") ? String(label.dropFirst()) : label
        registry.add(keys[name] ?? snakeCase(name), value)
      }
    }
    registry.parameters += registry.last
    return registry
  }
}

/// `runningMean` as PyTorch spells it: `running_mean`.
func snakeCase(_ name: String) -> String {
  guard name.utf8.contains(where: { $0 >= 65 && $0 <= 90 }) else { return name }
  var result = ""
  for character in name {
    if character.isUppercase, !result.isEmpty { result += "_" }
    result += character.lowercased()
  }
  return result
}

/// Values with names, in order: what a `Sequential` with named layers is made of.
public struct Named<Value>: ExpressibleByDictionaryLiteral, RandomAccessCollection {
  @usableFromInline internal var entries: [(name: String, value: Value)]

  public init(_ entries: [(String, Value)] = []) { self.entries = entries.map { ($0.0, $0.1) } }
  public init(dictionaryLiteral elements: (String, Value)...) { self.init(elements) }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { entries.count }
  @inlinable public subscript(position: Int) -> (name: String, value: Value) { entries[position] }

  /// The value of that name; assignment replaces or appends, nil removes.
  public subscript(name: String) -> Value? {
    @inlinable get {  // inlinable: optimizers look their options up for every parameter
      for i in entries.indices where entries[i].name == name { return entries[i].value }
      return nil
    }
    set {
      let known = entries.firstIndex { $0.name == name }
      switch (known, newValue) {
      case (let i?, let value?): entries[i].value = value
      case (let i?, nil): entries.remove(at: i)
      case (nil, let value?): entries.append((name, value))
      case (nil, nil): break
      }
    }
  }

  public var names: [String] { entries.map(\.name) }
  public var values: [Value] { entries.map(\.value) }
}

extension Named: Sendable where Value: Sendable {}
