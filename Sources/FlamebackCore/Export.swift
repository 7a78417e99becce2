import FlamebackKernels

/// An operation that can be written with ONNX's operators: beside its kernel and its gradient, its third meaning.
///
/// Operations without this are written through `decomposed`, if they have it, and refused otherwise.
package protocol Exportable: Primitive {
  func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue]
}

/// A computation inside a module that ONNX has an operator for as a whole: a recurrent network.
package protocol ExportableRegion: Sendable {
  var name: String { get }
  func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue]
}

/// A value of the model being written.
package struct ExportValue: Sendable {
  package let name: String
  package let dtype: DType
  /// Its shape in the trace being written, and in the traces with one dynamic axis longer (if known).
  package let shape: Shape
  package let variants: [Shape]

  package init(name: String, dtype: DType, shape: Shape, variants: [Shape] = []) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.variants = variants
  }

  package var rank: Int { shape.count }
  /// Whether the size of dimension `d` follows a dynamic axis.
  package func isDynamic(_ d: Int) -> Bool { variants.contains { $0[d] != shape[d] } }
}

package enum ExportAttribute: Sendable {
  case int(Int)
  case ints([Int])
  case float(Double)
  case text(String)
  case texts([String])
  case tensor(Tensor)
}

/// An axis of an input whose size may change, and how it was traced.
package struct DynamicAxis: Sendable {
  package let name: String
  package let input: ExportValue
  package let dim: Int
  package let size: Int
  /// Its size in the trace that has this axis longer.
  package let longer: Int

  package init(name: String, input: ExportValue, dim: Int, size: Int, longer: Int) {
    (self.name, self.input, self.dim, self.size, self.longer) = (name, input, dim, size, longer)
  }
}

/// Collects the nodes of the model being written.
package final class NodeWriter {
  package struct Node: Sendable {
    package let op: String
    package let name: String
    package let inputs: [String]
    package let outputs: [String]
    package let attributes: [(String, ExportAttribute)]
  }

  package private(set) var nodes: [Node] = []
  package private(set) var constants: [(name: String, tensor: Tensor)] = []
  package let opset: Int
  package let axes: [DynamicAxis]
  /// The module whose operations are being written.
  package var scope = ""
  /// The operation being written as it is in the traces with one axis longer.
  package var siblings: [any Primitive] = []
  /// Whether the operation said how it follows the dynamic axes.
  package var followsAxes = false
  private var used: Set<String>
  private var numbers: [[Int]: ExportValue] = [:]
  private var byName: [String: Tensor] = [:]
  private var sizeOfAxis: [Int: ExportValue] = [:]

  /// `names`: names that are taken.
  package init(opset: Int, axes: [DynamicAxis], names: Set<String>) {
    self.opset = opset
    self.axes = axes
    used = names
  }

  /// PyTorch's path of a module: elements of lists carry the list's name, `/layer1/layer1.0/conv1`.
  private var prefix: String {
    var path = ""
    var last = ""
    for part in scope.split(separator: ".") {
      last = part.allSatisfy(\.isNumber) && !last.isEmpty ? "\(last).\(part)" : String(part)
      path += "/" + last
    }
    return path
  }

  private func unique(_ name: String) -> String {
    var result = name
    var i = 1
    while !used.insert(result).inserted {
      result = "\(name)_\(i)"
      i += 1
    }
    return result
  }

  /// Adds a node with an output for each of `specs`.
  package func node(
    _ op: String, _ inputs: [ExportValue?], _ attributes: [(String, ExportAttribute)] = [], outputs specs: [TensorSpec]
  ) -> [ExportValue] {
    let name = unique("\(prefix)/\(op)")
    let outputs = specs.enumerated().map { i, spec in
      ExportValue(name: unique("\(name)_output_\(i)"), dtype: spec.dtype, shape: spec.shape)
    }
    nodes.append(
      Node(
        op: op, name: name, inputs: inputs.map { $0?.name ?? "" }, outputs: outputs.map(\.name), attributes: attributes)
    )
    return outputs
  }

  /// Adds a node with one output of a dtype; `shape` where somebody asks for it.
  package func node(
    _ op: String, _ inputs: [ExportValue?], _ attributes: [(String, ExportAttribute)] = [], _ dtype: DType,
    shape: Shape? = nil
  ) -> ExportValue {
    let shape = shape ?? inputs.compactMap { $0?.shape }.first ?? []
    return node(op, inputs, attributes, outputs: [TensorSpec(shape: shape, dtype: dtype)])[0]
  }

  /// A constant; `name` as in the state dict if it has one there.
  package func constant(_ tensor: Tensor, name: String? = nil) -> ExportValue {
    let name = name.map { unique($0) } ?? unique("onnx::Constant_\(constants.count)")
    constants.append((name, tensor))
    byName[name] = tensor
    return ExportValue(name: name, dtype: tensor.dtype, shape: tensor.shape)
  }

  /// The constant of that name, if it is one.
  package func tensor(_ value: ExportValue) -> Tensor? { byName[value.name] }

  /// A vector of whole numbers.
  package func ints(_ values: [Int]) -> ExportValue {
    if let known = numbers[values] { return known }
    let value = constant(Tensor(values, shape: [values.count]))
    numbers[values] = value
    return value
  }

  /// One number of a dtype, without dimensions.
  package func number(_ value: Scalar, _ dtype: DType) -> ExportValue {
    constant(Tensor.filled(value, TensorSpec(shape: [], dtype: dtype)))
  }

  package func cast(_ value: ExportValue, to dtype: DType) -> ExportValue {
    value.dtype == dtype ? value : node("Cast", [value], [("to", .int(dtype.onnxCode))], dtype, shape: value.shape)
  }
}

extension DType {
  /// ONNX's number of the type; complex32, which ONNX has not, is written as complex64.
  fileprivate var onnxCode: Int {
    switch self {
    case .float32: 1
    case .uint8: 2
    case .int8: 3
    case .int16: 5
    case .int32: 6
    case .int64: 7
    case .bool: 9
    case .float16: 10
    case .float64: 11
    case .uint16: 4
    case .uint32: 12
    case .uint64: 13
    case .complex32, .complex64: 14
    case .complex128: 15
    case .bfloat16: 16
    case .float8E4M3FN: 17
    case .float8E5M2: 19
    }
  }
}

// MARK: dynamic axes

extension NodeWriter {
  /// The size of dynamic axis `k`, as a vector of one number.
  private func size(ofAxis k: Int) -> ExportValue {
    if let known = sizeOfAxis[k] { return known }
    let axis = axes[k]
    let value = node(
      "Shape", [axis.input], [("start", .int(axis.dim)), ("end", .int(axis.dim + 1))], .int64, shape: [1])
    sizeOfAxis[k] = value
    return value
  }

  /// Whole numbers of `primitive`, as a vector: constant, or computed from the dynamic axes that they follow.
  ///
  /// With `infers` one number may become −1, as `Reshape` has it.
  package func sizes<P: Primitive>(
    of primitive: P, infers: Bool = false, _ read: (P) -> [Int]
  ) throws(OpError) -> ExportValue {
    var others: [[Int]] = []
    for sibling in siblings {
      guard let sibling = sibling as? P else { throw OpError(primitive.name, "changes its kind with a dynamic axis") }
      others.append(read(sibling))
    }
    followsAxes = true
    return try sizes(read(primitive), others, infers: infers, op: primitive.name)
  }

  /// The same for numbers of the trace itself and of those with one axis longer.
  package func sizes(_ base: [Int], _ others: [[Int]], infers: Bool = false, op: String) throws(OpError) -> ExportValue
  {
    guard others.allSatisfy({ $0.count == base.count }) else {
      throw OpError(op, "changes its rank with a dynamic axis")
    }
    let dynamic = base.indices.filter { i in others.contains { $0[i] != base[i] } }
    if dynamic.isEmpty { return ints(base) }
    var inferred: Int?
    if infers {
      inferred = dynamic.first { i in (try? formula(base[i], others.map { $0[i] }, op: op)) == nil } ?? dynamic[0]
    }
    var parts: [ExportValue] = []
    var run: [Int] = []
    func flush() {
      if !run.isEmpty { parts.append(ints(run)) }
      run = []
    }
    for i in base.indices {
      if i == inferred {
        run.append(-1)
      } else if dynamic.contains(i) {
        flush()
        parts.append(written(try formula(base[i], others.map { $0[i] }, op: op)))
      } else {
        run.append(base[i])
      }
    }
    flush()
    if parts.count == 1 { return parts[0] }
    return node("Concat", parts, [("axis", .int(0))], .int64, shape: [base.count])
  }

  /// A number as a multiple of the sizes of some axes, plus a constant.
  private struct Formula {
    var axes: [Int]
    var factor: Int
    var constant: Int
  }

  private func formula(_ base: Int, _ others: [Int], op: String) throws(OpError) -> Formula {
    let changed = others.indices.filter { others[$0] != base }
    if changed.count == 1 {
      let axis = axes[changed[0]]
      let (slope, rest) = (others[changed[0]] - base).quotientAndRemainder(dividingBy: axis.longer - axis.size)
      if rest == 0 { return Formula(axes: changed, factor: slope, constant: base - slope * axis.size) }
    } else {
      let product = changed.reduce(1) { $0 * axes[$1].size }
      let isProduct = changed.allSatisfy { others[$0] * axes[$0].size == base * axes[$0].longer }
      if product != 0, base % product == 0, isProduct {
        return Formula(axes: changed, factor: base / product, constant: 0)
      }
    }
    let names = changed.map { axes[$0].name }.joined(separator: ", ")
    throw OpError(op, "a size follows the dynamic axes \(names) in a way that cannot be written")
  }

  private func written(_ formula: Formula) -> ExportValue {
    var value = size(ofAxis: formula.axes[0])
    for axis in formula.axes.dropFirst() { value = node("Mul", [value, size(ofAxis: axis)], [], .int64, shape: [1]) }
    if formula.factor != 1 { value = node("Mul", [value, ints([formula.factor])], [], .int64, shape: [1]) }
    if formula.constant != 0 { value = node("Add", [value, ints([formula.constant])], [], .int64, shape: [1]) }
    return value
  }

  /// Refuses to go on if numbers of `primitive` follow a dynamic axis.
  package func requireFixed<P: Primitive>(_ primitive: P, _ what: String, _ read: (P) -> [Int]) throws(OpError) {
    followsAxes = true
    for sibling in siblings {
      guard let sibling = sibling as? P, read(sibling) == read(primitive) else {
        throw OpError(primitive.name, "\(what) must not follow a dynamic axis")
      }
    }
  }

  /// Refuses to go on if one of these dimensions follows a dynamic axis.
  package func requireFixed(_ value: ExportValue, _ dims: some Sequence<Int>, op: String) throws(OpError) {
    for d in dims where value.isDynamic(d) { throw OpError(op, "dimension \(d) must not follow a dynamic axis") }
  }
}
