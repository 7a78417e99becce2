import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// A result that differs from the expected one.
struct Mismatch: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Compares results with what PyTorch gave, by the rules of section 4.1 of the format.
struct Comparison {
  let file: CaseFile
  let rtol: Double
  let atol: Double
  /// Where indices with ties point into.
  var inputs: [Tensor] = []
  /// Whether 0, 0.0 and a tensor of it are the same: in saved options.
  var mixesNumbers = false
  /// How the outputs with free factors or order were aligned, by path: gradients must be aligned likewise.
  private(set) var alignments: [[Int]: Alignment] = [:]

  init(file: CaseFile, json: JSON, inputs: [Tensor] = []) {
    self.file = file
    rtol = json["rtol"]?.double ?? 0
    atol = json["atol"]?.double ?? 0
    self.inputs = inputs
  }

  /// Compares a structure; throws the first difference.
  mutating func compare(_ got: Value, _ expected: JSON, path: [Int] = [], label: String = "output") throws {
    guard let member = expected.object?.first else { throw CallError("not a value: \(expected)") }
    let place = path.isEmpty ? label : "\(label)\(path)"
    switch member.key {
    case "tensor":
      let number = mixesNumbers ? got.scalar : nil
      let dtype = DType(name: member.value["dtype"]?.string ?? "")
      guard let tensor = got.tensor ?? number.map({ Tensor([$0.double], shape: [], dtype: dtype) }) else {
        throw Mismatch("\(place) is \(got.kind), expected a tensor")
      }
      try compare(tensor, member.value, path: path, place: place)
    case "list", "tuple":
      let items = member.value.array ?? []
      guard let found = got.items else { throw Mismatch("\(place) is \(got.kind), expected a sequence") }
      guard found.count == items.count else {
        throw Mismatch("\(place) has \(found.count) items, expected \(items.count)")
      }
      for (i, item) in items.enumerated() { try compare(found[i], item, path: path + [i], label: label) }
    case "dict":
      guard case .dict(let members) = got else { throw Mismatch("\(place) is \(got.kind), expected a dict") }
      let object = member.value.object ?? [:]
      guard members.count == object.count else { throw Mismatch("\(place) has keys \(members.map(\.0))") }
      for item in object {
        guard let found = members.first(where: { $0.0 == item.key }) else {
          throw Mismatch("\(place) lacks '\(item.key)'")
        }
        try compare(found.1, item.value, path: path, label: "\(place)['\(item.key)']")
      }
    case "object":
      try compareObject(got, member.value, path: path, place: place)
    default:
      let wanted = try file.value(expected)
      guard matches(got, wanted) else {
        throw Mismatch("\(place) is \(Comparison.text(got)), expected \(Comparison.text(wanted))")
      }
    }
  }

  /// An object in the output is a constructor with arguments; ours must give the same ones.
  private mutating func compareObject(_ got: Value, _ expected: JSON, path: [Int], place: String) throws {
    guard case .object(let name, let args, let kwargs) = got else {
      throw Mismatch("\(place) is \(got.kind), expected an object of \(expected["class"]?.string ?? "?")")
    }
    guard name == expected["class"]?.string else { throw Mismatch("\(place) is a \(name)") }
    try compare(.list(args), .object(["list": expected["args"] ?? .array([])]), path: path, label: place)
    try compare(.dict(kwargs), .object(["dict": expected["kwargs"] ?? .object([:])]), path: path, label: place)
  }

  private func matches(_ got: Value, _ wanted: Value) -> Bool {
    switch (got, wanted) {
    case (.float(let a), .int(let b)) where mixesNumbers: a == Double(b)
    case (.int(let a), .float(let b)) where mixesNumbers: Double(a) == b
    case (.none, .none), (.ellipsis, .ellipsis): true
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.float(let a), .float(let b)):
      a == b || (a.isNaN && b.isNaN) || (b.isFinite && abs(a - b) <= atol + rtol * abs(b))
    case (.complex(let a, let x), .complex(let b, let y)):
      matches(.float(a), .float(b)) && matches(.float(x), .float(y))
    case (.string(let a), .string(let b)), (.layout(let a), .layout(let b)),
      (.memoryFormat(let a), .memoryFormat(let b)), (.function(let a), .function(let b)):
      a == b
    case (.dtype(let a), .dtype(let b)): a == b
    case (.device(let a), .device(let b)): a == b
    default: false
    }
  }

  private static func text(_ value: Value) -> String {
    switch value {
    case .bool(let value): String(value)
    case .int(let value): String(value)
    case .float(let value): String(value)
    case .complex(let real, let imaginary): "\(real)+\(imaginary)i"
    default: value.kind
    }
  }

  /// Compares a tensor with a descriptor.
  mutating func compare(_ got: Tensor, _ descriptor: JSON, path: [Int] = [], place: String) throws {
    let shape = (descriptor["shape"]?.array ?? []).compactMap(\.int)
    let dtype = descriptor["dtype"]?.string ?? ""
    guard got.dtype.name == dtype, got.shape.array == shape else {
      throw Mismatch("\(place) is \(got.spec), expected \(dtype) \(Shape(shape))")
    }
    let mode = descriptor["compare"]?.string
    if mode == "shape" { return }
    var found = try HostArray(got)
    var wanted = try file.array(descriptor)
    if mode == "columns" || mode == "rows" {
      // Whole, as the cotangent to be unaligned is whole too; factors of undefined columns do not matter.
      let alignment = Alignment(factorsOf: found, to: wanted, byRows: mode == "rows")
      alignments[path] = alignment
      found = alignment.aligned(found)
    }
    if let narrow = descriptor["narrow"], let dim = narrow["dim"]?.int, let length = narrow["length"]?.int {
      found = found.narrowed(dim, length)
      wanted = wanted.narrowed(dim, length)
    }
    switch mode {
    case "multiset":
      let alignment = try Alignment(orderOf: found, like: wanted, rtol: rtol, atol: atol, place: place)
      alignments[path] = alignment
      found = alignment.aligned(found)
    case "ties":
      if try agreesUpToTies(found, wanted) { return }
    default: break
    }
    try Comparison.compare(found, wanted, rtol: rtol, atol: atol, place: place)
  }

  /// All elements within the tolerance, or the worst named.
  static func compare(_ found: HostArray, _ wanted: HostArray, rtol: Double, atol: Double, place: String) throws {
    var wrong = 0
    var first: Int?
    for i in 0..<wanted.count where !found.matches(i, wanted, i, rtol: rtol, atol: atol) {
      wrong += 1
      if first == nil { first = i }
    }
    guard let first else { return }
    throw Mismatch(
      "\(place) differs in \(wrong) of \(wanted.count) elements, first at \(first): "
        + "\(found.text(first)), expected \(wanted.text(first)) (\(wanted.dtype) \(Shape(wanted.shape)))")
  }

  /// Whether the input gathered at both index tensors is the same, along some dimension in which they fit.
  private func agreesUpToTies(_ found: HostArray, _ wanted: HostArray) throws -> Bool {
    guard found.isInteger, let input = inputs.first else { return false }
    let source = try HostArray(input)
    for dim in source.shape.indices {
      for keeps in [true, false] {
        var shape = wanted.shape
        if !keeps { shape.insert(1, at: min(dim, shape.count)) }
        guard shape.count == source.shape.count,
          shape.indices.allSatisfy({ $0 == dim || shape[$0] == source.shape[$0] })
        else { continue }
        if gatherAgrees(source, found, wanted, dim: dim, shape: shape) { return true }
      }
    }
    guard wanted.count == 1 else { return false }  // an index into the flattened input
    return [found, wanted].allSatisfy { source.count > $0.ints[0] && $0.ints[0] >= 0 }
      && source.matches(found.ints[0], source, wanted.ints[0], rtol: 0, atol: 0)
  }

  private func gatherAgrees(_ source: HostArray, _ a: HostArray, _ b: HostArray, dim: Int, shape: [Int]) -> Bool {
    let inner = shape[(dim + 1)...].reduce(1, *)
    let size = source.shape[dim]
    for i in 0..<a.count {
      guard (0..<size).contains(a.ints[i]), (0..<size).contains(b.ints[i]) else { return false }
      let outer = i / inner / shape[dim] * size
      let (x, y) = ((outer + a.ints[i]) * inner + i % inner, (outer + b.ints[i]) * inner + i % inner)
      guard source.matches(x, source, y, rtol: 0, atol: 0) else { return false }
    }
    return true
  }
}
