import FlamebackCore
import FlamebackKernels

/// Named tensors in order: a model's parameters and buffers.
///
/// A value: it keeps what it holds whatever the model learns later. SeeAlso: torch.nn.Module.state_dict
public struct StateDict: Sendable {
  private var order: [String] = []
  private var tensors: [String: Tensor] = [:]
  /// By module path the version of its entries' layout, as PyTorch's `_metadata` notes it; empty if unknown.
  public var versions = Named<Int>()

  public init() {}

  public init(_ entries: some Sequence<(String, Tensor)>) {
    for (key, tensor) in entries { self[key] = tensor }
  }

  /// The tensor of that key; assignment replaces or appends, nil removes.
  public subscript(key: String) -> Tensor? {
    get { tensors[key] }
    set {
      let old = tensors.updateValue(newValue, forKey: key)
      if newValue == nil {
        order.removeAll { $0 == key }
      } else if old == nil {
        order.append(key)
      }
    }
  }

  public var keys: [String] { order }

  /// The entries below `prefix`, without it. `filtered("encoder")` of `encoder.0.weight` has `0.weight`.
  public func filtered(_ prefix: String) -> StateDict {
    var result = StateDict(
      lazy.filter { $0.key.hasPrefix(prefix + ".") }.map { (String($0.key.dropFirst(prefix.count + 1)), $0.tensor) })
    result.versions = Named(
      versions.compactMap { path, version in
        path == prefix
          ? ("", version) : path.hasPrefix(prefix + ".") ? (String(path.dropFirst(prefix.count + 1)), version) : nil
      })
    return result
  }
}

extension Dictionary {
  /// Sets or removes; the old value.
  fileprivate mutating func updateValue(_ value: Value?, forKey key: Key) -> Value? {
    guard let value else { return removeValue(forKey: key) }
    return updateValue(value, forKey: key)
  }
}

extension StateDict: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { order.count }
  public subscript(position: Int) -> (key: String, tensor: Tensor) { (order[position], tensors[order[position]]!) }
}

extension StateDict: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, Tensor)...) { self.init(elements) }
}

/// What a state dict and a module do not agree on.
public struct StateMismatch: Error, Sendable, CustomStringConvertible {
  /// Entries of the module that the state dict lacks.
  public var missing: [String] = []
  /// Entries of the state dict that the module does not have.
  public var unexpected: [String] = []
  /// Entries of another shape.
  public var misshapen: [(key: String, expected: Shape, found: Shape)] = []
  let module: String

  public var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty }

  public var description: String {
    var lines = ["[load] the state dict does not fit \(module):"]
    if !missing.isEmpty { lines.append("  missing: \(missing.joined(separator: ", "))") }
    if !unexpected.isEmpty { lines.append("  unexpected: \(unexpected.joined(separator: ", "))") }
    for (key, expected, found) in misshapen {
      lines.append("  another shape: \(key) is \(found) in the state dict, \(expected) in the module")
    }
    return lines.joined(separator: "\n")
  }
}

/// How strictly a state dict must fit.
public struct LoadOptions: OptionSet, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Entries that the state dict lacks keep their values.
  public static let allowMissing = LoadOptions(rawValue: 1)
  /// Entries that the module does not have are left aside.
  public static let allowUnexpected = LoadOptions(rawValue: 2)
  /// Entries of another shape keep their values.
  public static let allowMisshapen = LoadOptions(rawValue: 4)
  /// Take dtype and device of the state dict instead of the module's. SeeAlso: torch.nn.Module.load_state_dict(assign=True)
  public static let assign = LoadOptions(rawValue: 8)
}

extension Module {
  /// Parameters and persistent buffers by path; shared ones under every name. SeeAlso: torch.nn.Module.state_dict
  public func stateDict() -> StateDict {
    var state = StateDict(namedState.lazy.map { ($0.name, $0.cell.tensor.detached()) })
    state.versions = Named(walk(unique: false).map { ($0.path, type(of: $0.module).stateVersion) })
    return state
  }

  /// The cells behind `stateDict`, by path.
  package var namedState: [(name: String, cell: any StateCell)] {
    walk(unique: false).flatMap { path, _, registry -> [(name: String, cell: any StateCell)] in
      registry.parameters.map { (path / $0.name, $0.cell) }
        + registry.buffers.filter(\.cell.isPersistent).map { (path / $0.name, $0.cell) }
    }
  }

  /// Takes over the values of `state`.
  ///
  /// Nothing changes if something does not fit and `options` do not allow it: the thrown `StateMismatch` lists all of it.
  /// Returns what did not fit where it was allowed. SeeAlso: torch.nn.Module.load_state_dict
  @discardableResult
  public func load(_ state: StateDict, options: LoadOptions = []) throws -> StateMismatch {
    for (path, module) in namedModules { module.prepareToLoad(path.isEmpty ? state : state.filtered(path)) }
    let cells = namedState
    let versions = Dictionary(
      state.versions.map { (Substring($0.name.isEmpty ? "" : $0.name + "."), $0.value) }, uniquingKeysWith: { $1 })
    var mismatch = StateMismatch(module: typeName)
    var changes: [(any StateCell, Tensor)] = []
    for (key, cell) in cells {
      guard let tensor = state[key] else {
        // Files from before PyTorch 0.4.1 do not count batches.
        if key.hasSuffix("num_batches_tracked"), versions[key.dropLast("num_batches_tracked".count)] == 1 { continue }
        mismatch.missing.append(key)
        continue
      }
      if tensor.shape != cell.tensor.shape {
        mismatch.misshapen.append((key, cell.tensor.shape, tensor.shape))
      } else {
        changes.append((cell, tensor))
      }
    }
    let known = Set(cells.map(\.name))
    mismatch.unexpected = state.keys.filter { !known.contains($0) }
    let isFatal =
      !mismatch.missing.isEmpty && !options.contains(.allowMissing)
      || !mismatch.unexpected.isEmpty && !options.contains(.allowUnexpected)
      || !mismatch.misshapen.isEmpty && !options.contains(.allowMisshapen)
    if isFatal { throw mismatch }
    for (cell, tensor) in changes {
      let old = cell.tensor
      cell.tensor = options.contains(.assign) ? tensor : tensor.detached().to(old.dtype).to(old.device)
    }
    return mismatch
  }
}
