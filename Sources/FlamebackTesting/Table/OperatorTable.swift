import Flameback
import FlamebackCore
import FlamebackKernels

/// A name that the operator table does not have.
public struct UnknownOperation: Error, CustomStringConvertible {
  public let name: String
  public init(_ name: String) { self.name = name }
  public var description: String { "unknown operation '\(name)'" }
}

/// From PyTorch's names to Flameback's calls: the one place where that mapping lives, an area a file.
///
/// Keys: `abs`, `nn.functional.relu`; `Tensor.x` only where the method's signature differs from the function's.
public enum OperatorTable {
  public typealias Entry = @Sendable (Call) throws -> Value

  static let all: [String: Entry] = {
    let areas = [
      pointwise, creation, views, indexing, reductions, maskedReductions, matmul, neural, spatial, vision, random,
      linalg, fft, special, distributions, misc, initialization, audio,
    ]
    return areas.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
  }()

  /// Where functions of the same name and signature live.
  private static let namespaces = ["", "Tensor.", "nn.functional.", "special.", "linalg."]

  /// The entry for a name. `isInPlace`: the functional entry stands in for a method ending in `_`.
  static func find(_ name: String, op: String? = nil, aliases: [String] = []) -> (entry: Entry, isInPlace: Bool)? {
    if let entry = all[name] { return (entry, false) }
    var bases = [name]
    if let dot = name.range(of: "."), ["Tensor", "special", "linalg"].contains(name[..<dot.lowerBound]) {
      bases.append(String(name[dot.upperBound...]))
    } else if name.hasPrefix("nn.functional.") {
      bases.append(String(name.dropFirst("nn.functional.".count)))
    }
    let plain = bases.count
    if name.hasSuffix("_") && !name.hasSuffix("__") { bases += bases.map { String($0.dropLast()) } }
    for (i, base) in bases.enumerated() {
      for namespace in namespaces where i != 0 || namespace == "" || !name.contains(".") {
        if let entry = all[namespace + base] { return (entry, i >= plain) }
      }
    }
    // An alias of the file's operator, in whatever spelling.
    guard let op, op != name else { return nil }
    for (i, base) in bases.enumerated() where aliases.contains(base) || aliases.contains("Tensor." + base) {
      if let found = find(op) { return (found.entry, i >= plain) }
    }
    return nil
  }
}

extension OperatorTable {
  /// A function of one tensor called `input`.
  static func unary(_ body: @escaping @Sendable (Tensor) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, "input"))) }
  }

  /// A function of two operands called `input` and `other`; numbers promote weakly.
  static func binary(_ function: Elementwise) -> Entry {
    { call in .tensor(function(try call.operand(0, "input"), try call.operand(1, "other"))) }
  }
}
