import Flameback
import FlamebackCore
import FlamebackFiles
import FoundationEssentials

/// A value of a running model.
struct Value: Sendable {
  let tensor: Tensor
  /// Whether it follows from shapes and constants alone, so that it is the same for all inputs of these shapes.
  let isStatic: Bool
}

/// What all nodes of one run share.
final class Run {
  let limits: ONNXLimits
  /// The first node that read, as a size or an index, elements that depend on the data of the inputs.
  var dataDependence: String?

  init(limits: ONNXLimits) { self.limits = limits }
}

/// How much a model may ask for.
public struct ONNXLimits: Sendable {
  /// Bytes of one tensor; by default the machine's memory.
  public var tensorBytes = Int(ProcessInfo.processInfo.physicalMemory)
  /// Nodes after functions were replaced by their bodies.
  public var nodes = 1 << 20
  /// Turns of one loop.
  public var iterations = Int.max

  public init() {}
}

/// One use of an operator: inputs, attributes, and the questions that operators ask.
struct Call {
  let node: ONNXNode
  /// The version of the operator set.
  let opset: Int
  let inputs: [Value?]
  let run: Run
  /// Graphs among the attributes, ready to run, and what they read from outside.
  var bodies: [String: Body] = [:]

  struct Body {
    let plan: Plan
    /// nil: a tensor whose elements cannot be computed with.
    let captures: [Value?]
  }

  var outputCount: Int { node.outputs.count }
  func wants(_ i: Int) -> Bool { i < node.outputs.count && !node.outputs[i].isEmpty }
  func error(_ message: String) -> OpError { OpError(node.op, message) }

  // MARK: inputs

  func callAsFunction(_ i: Int) throws(OpError) -> Tensor {
    guard let value = optional(i) else { throw error("input \(i) is missing") }
    return value
  }

  func optional(_ i: Int) -> Tensor? { i < inputs.count ? inputs[i]?.tensor : nil }

  /// All inputs, none of which may be missing.
  func all() throws(OpError) -> [Tensor] {
    guard !inputs.isEmpty else { throw error("has no inputs") }
    var result: [Tensor] = []
    for i in inputs.indices { result.append(try self(i)) }
    return result
  }

  /// Notes that the elements of input `i` are read here, on the host.
  private func read(_ i: Int) throws(OpError) -> Tensor? {
    guard let value = i < inputs.count ? inputs[i] : nil else { return nil }
    if !value.isStatic {
      if Context.isTracing {
        throw error("reads elements of '\(node.inputs[i])', which depend on the data: no graph for all data exists")
      }
      if run.dataDependence == nil { run.dataDependence = node.title }
    }
    return value.tensor.detached()
  }

  /// The elements of a whole-number input: sizes, axes, indices.
  func list(_ i: Int) throws(OpError) -> [Int]? {
    guard let tensor = try read(i) else { return nil }
    guard tensor.dtype.category <= .integer else { throw error("input \(i) must be whole numbers, got \(tensor.spec)") }
    return tensor.scalars(Int.self)
  }

  func doubles(_ i: Int) throws(OpError) -> [Double]? { try read(i)?.scalars(Double.self) }
  func number(_ i: Int) throws(OpError) -> Scalar? {
    guard let tensor = try read(i) else { return nil }
    guard tensor.elementCount == 1 else { throw error("input \(i) must be one number, got \(tensor.spec)") }
    return tensor.item()
  }

  // MARK: attributes

  private func wrong(_ name: String) -> OpError { error("attribute '\(name)' is of another kind") }

  func int(_ name: String) throws(OpError) -> Int? {
    switch node.attributes[name] {
    case nil: return nil
    case .int(let value)?: return value
    default: throw wrong(name)
    }
  }

  func int(_ name: String, _ standard: Int) throws(OpError) -> Int { try int(name) ?? standard }
  func bool(_ name: String, _ standard: Bool = false) throws(OpError) -> Bool {
    try int(name).map { $0 != 0 } ?? standard
  }

  func double(_ name: String) throws(OpError) -> Double? {
    switch node.attributes[name] {
    case nil: return nil
    // 0.1 as a float is meant as 0.1: the shortest decimal says what was written.
    case .float(let value)?: return Double("\(value)") ?? Double(value)
    default: throw wrong(name)
    }
  }

  func double(_ name: String, _ standard: Double) throws(OpError) -> Double { try double(name) ?? standard }

  func text(_ name: String) throws(OpError) -> String? {
    switch node.attributes[name] {
    case nil: return nil
    case .string(let bytes)?: return String(decoding: bytes, as: UTF8.self)
    default: throw wrong(name)
    }
  }

  func text(_ name: String, _ standard: String) throws(OpError) -> String { try text(name) ?? standard }

  func texts(_ name: String) throws(OpError) -> [String]? {
    switch node.attributes[name] {
    case nil: return nil
    case .strings(let values)?: return values.map { String(decoding: $0, as: UTF8.self) }
    default: throw wrong(name)
    }
  }

  func ints(_ name: String) throws(OpError) -> [Int]? {
    switch node.attributes[name] {
    case nil: return nil
    case .ints(let values)?: return values
    default: throw wrong(name)
    }
  }

  func doubles(_ name: String) throws(OpError) -> [Double]? {
    switch node.attributes[name] {
    case nil: return nil
    case .floats(let values)?: return values.map { Double("\($0)") ?? Double($0) }
    default: throw wrong(name)
    }
  }

  /// `count` sizes of a window: kernel, stride, padding. Limited, so that sums of them cannot overflow.
  func sizes(_ name: String, _ count: Int, _ standard: Int, atLeast lowest: Int = 1) throws(OpError) -> [Int] {
    guard let values = try ints(name) else { return Array(repeating: standard, count: count) }
    guard values.count == count, values.allSatisfy({ $0 >= lowest && $0 < 1 << 31 }) else {
      throw error("attribute '\(name)' must be \(count) sizes, got \(values)")
    }
    return values
  }

  func dtype(_ code: Int) throws(OpError) -> DType {
    guard let type = ONNXType(rawValue: code) else { throw error("element type \(code) does not exist") }
    guard let dtype = type.dtype else { throw error("element type \(type) has no dtype here") }
    return dtype
  }

  // MARK: checks

  /// The axis counted from the front.
  func axis(_ axis: Int, rank: Int) throws(OpError) -> Int {
    guard axis >= -rank, axis < rank else { throw error("axis \(axis) does not exist in \(rank) dimensions") }
    return axis < 0 ? axis + rank : axis
  }

  func axes(_ axes: [Int], rank: Int) throws(OpError) -> [Int] {
    var result: [Int] = []
    for axis in axes { result.append(try self.axis(axis, rank: rank)) }
    guard Set(result).count == result.count else { throw error("an axis appears twice in \(axes)") }
    return result
  }

  /// A shape that may be allocated.
  @discardableResult
  func shape(_ sizes: [Int], _ dtype: DType = .float32) throws(OpError) -> [Int] {
    guard sizes.allSatisfy({ $0 >= 0 }) else { throw error("a negative size: \(sizes)") }
    guard sizes.count <= 64, let count = Shape(sizes).checkedElementCount,
      count <= run.limits.tensorBytes / dtype.byteSize
    else { throw error("a tensor of shape \(sizes) is larger than the limit of \(run.limits.tensorBytes) bytes") }
    return sizes
  }

  func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(OpError) {
    if !condition { throw error(message()) }
  }

  /// The body of a control flow operator.
  func body(_ name: String) throws(OpError) -> Body {
    guard let body = bodies[name] else { throw error("attribute '\(name)' is missing") }
    return body
  }
}

/// What an operator of ONNX means here. The table by name is `Operator.all`.
struct Operator: Sendable {
  /// Inputs whose elements are settings rather than something to learn.
  var settings: Set<Int> = []
  /// Whether equal inputs give equal outputs, so that it may run once for all when the model is loaded.
  var isPure = true
  /// Whether the result follows from the shapes of the inputs alone.
  var readsOnlyShapes = false
  let compute: @Sendable (Call) throws -> [Tensor]

  init(
    settings: Set<Int> = [], isPure: Bool = true, readsOnlyShapes: Bool = false,
    _ compute: @escaping @Sendable (Call) throws -> [Tensor]
  ) {
    self.settings = settings
    self.isPure = isPure
    self.readsOnlyShapes = readsOnlyShapes
    self.compute = compute
  }

  /// An operator with one output.
  static func one(_ settings: Set<Int> = [], _ compute: @escaping @Sendable (Call) throws -> Tensor) -> Operator {
    Operator(settings: settings) { [try compute($0)] }
  }

  /// An operator with one input and one output.
  static func unary(_ compute: @escaping @Sendable (Tensor) -> Tensor) -> Operator { .one { compute(try $0(0)) } }

  /// By name; those of other domains than ONNX's own as `domain.name`.
  static let all: [String: Operator] = [
    elementwise, activations, comparisons, reductions, shapes, slices, indexing, creation, products, convolutions,
    pools,
    norms, recurrent, resizing, spatial, losses, quantization, signals, random, control, training, recent,
  ].reduce(into: [:]) { all, family in all.merge(family) { first, _ in first } }

  static func find(_ node: ONNXNode) -> Operator? { all[node.domain.isEmpty ? node.op : "\(node.domain).\(node.op)"] }
}
