import Flameback
import FlamebackFiles

/// What `optimized` may change.
struct Optimizations: OptionSet {
  let rawValue: Int
  /// Nodes whose inputs are constants become constants.
  static let constants = Optimizations(rawValue: 1)
  /// Batch norms behind convolutions become part of the convolutions' weights.
  static let batchNorms = Optimizations(rawValue: 2)
  static let all: Optimizations = [.constants, .batchNorms]
}

extension ONNXFile {
  /// The same computation with fewer nodes.
  func optimized(_ changes: Optimizations, limits: ONNXLimits = ONNXLimits()) throws -> ONNXFile {
    var pass = Optimizer(self, limits: limits)
    if changes.contains(.batchNorms) { try pass.foldBatchNorms() }
    if changes.contains(.constants) { pass.foldConstants() }
    pass.removeUnused()
    var result = self
    result.graph = pass.graph
    return result
  }
}

/// Changes the nodes of one graph.
private struct Optimizer {
  var graph: ONNXGraph
  let opset: Int
  let path: String
  let limits: ONNXLimits
  private var known: [String: ONNXTensor]
  private let outputs: Set<String>

  init(_ file: ONNXFile, limits: ONNXLimits) {
    graph = file.graph
    opset = file.opsets[""] ?? 1
    path = file.path
    self.limits = limits
    known = Dictionary(graph.initializers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    // An initializer that is an input too is only a standard value.
    for input in graph.inputs { known[input.name] = nil }
    outputs = Set(graph.outputs.map(\.name))
  }

  private mutating func define(_ name: String, _ tensor: Tensor) {
    let stored = ONNXTensor(name: name, tensor)
    known[name] = stored
    graph.initializers.append(stored)
  }

  /// Runs what can be run now. A node that fails is left for the run itself, where the error has a place.
  mutating func foldConstants() {
    var kept: [ONNXNode] = []
    for node in graph.nodes {
      guard node.op == "Constant" || node.inputs.contains(where: { !$0.isEmpty }),
        node.inputs.allSatisfy({ $0.isEmpty || known[$0] != nil }), node.capturedNames.isEmpty,
        !node.attributes.values.contains(where: { if case .graph = $0 { true } else { false } }),
        let op = Operator.find(node), op.isPure, node.op != "DequantizeLinear", let results = run(node, op)
      else {
        kept.append(node)
        continue
      }
      for (name, tensor) in zip(node.outputs, results) where !name.isEmpty { define(name, tensor) }
    }
    graph.nodes = kept
  }

  private func run(_ node: ONNXNode, _ op: Operator) -> [Tensor]? {
    // Folding must not blow a small file up: results beyond this are computed when they are needed.
    var limits = limits
    let given = node.inputs.reduce(0) { $0 + (known[$1]?.raw?.byteCount ?? 0) }
    limits.tensorBytes = min(limits.tensorBytes, max(1 << 20, 2 * given))
    do {
      let inputs = try node.inputs.map { name in
        try known[name].map { Value(tensor: try Tensor($0, path: path), isStatic: true) }
      }
      let call = Call(node: node, opset: opset, inputs: inputs, run: Run(limits: limits))
      let results = try withErrors { try noGrad { try op.compute(call) } }
      return results.count >= node.outputs.count ? results : nil
    } catch { return nil }
  }

  /// w · s / √(v + ε) and (b − m) · s / √(v + ε) + shift, where a convolution feeds nothing but one batch norm.
  mutating func foldBatchNorms() throws {
    var readers: [String: Int] = [:]
    for node in graph.nodes { for name in node.inputs + node.capturedNames { readers[name, default: 0] += 1 } }
    let producers = Dictionary(
      graph.nodes.enumerated().flatMap { i, node in node.outputs.map { ($0, i) } },
      uniquingKeysWith: { first, _ in first })
    var removed: Set<Int> = []
    for (i, norm) in graph.nodes.enumerated()
    where norm.op == "BatchNormalization" && norm.domain.isEmpty && norm.outputs.count == 1 && norm.inputs.count == 5 {
      if case .int(1)? = norm.attributes["training_mode"] { continue }
      guard let k = producers[norm.inputs[0]], graph.nodes[k].domain.isEmpty,
        ["Conv", "ConvTranspose", "Gemm"].contains(graph.nodes[k].op), readers[norm.inputs[0]] == 1,
        !outputs.contains(norm.inputs[0]), graph.nodes[k].inputs.count >= 2
      else { continue }
      var conv = graph.nodes[k]
      let stored = (norm.inputs[1...] + conv.inputs[1...].filter { !$0.isEmpty }).map { known[$0] }
      guard stored.allSatisfy({ $0 != nil }) else { continue }
      let tensors = try stored.map { try Tensor($0!, path: path) }
      let (scale, shift, mean, variance, weight) = (tensors[0], tensors[1], tensors[2], tensors[3], tensors[4])
      var eps = 1e-5
      if case .float(let value)? = norm.attributes["epsilon"] { eps = Double("\(value)") ?? Double(value) }
      guard weight.rank >= 2, scale.rank == 1, let axis = Self.outputAxis(conv), weight.shape[axis] == scale.shape[0]
      else { continue }
      let folded = try withErrors { () -> (Tensor, Tensor) in
        let factor = scale.to(.float64) * (variance.to(.float64) + eps).rsqrt()
        var shape = Array(repeating: 1, count: weight.rank)
        shape[axis] = scale.shape[0]
        let bias = tensors.count > 5 ? tensors[5].to(.float64) : Tensor.zeros([], dtype: .float64)
        return (
          (weight.to(.float64) * factor.reshape(shape)).to(weight.dtype),
          ((bias - mean.to(.float64)) * factor + shift.to(.float64)).to(weight.dtype)
        )
      }
      // PyTorch's names for what folding makes.
      let number = known.count
      conv.inputs = [conv.inputs[0], "onnx::\(conv.op)_\(number)", "onnx::\(conv.op)_\(number + 1)"]
      define(conv.inputs[1], folded.0)
      define(conv.inputs[2], folded.1)
      conv.outputs = norm.outputs
      graph.nodes[k] = conv
      removed.insert(i)
    }
    graph.nodes = graph.nodes.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
  }

  /// The dimension of a weight that belongs to the outputs; nil where they are more than one dimension.
  private static func outputAxis(_ node: ONNXNode) -> Int? {
    func int(_ name: String) -> Int? { if case .int(let value)? = node.attributes[name] { value } else { nil } }
    func one(_ name: String) -> Bool {
      if case .float(let value)? = node.attributes[name] { return value == 1 }
      return true
    }
    switch node.op {
    case "Conv": return 0
    case "ConvTranspose": return (int("group") ?? 1) == 1 ? 1 : nil
    default: return one("alpha") && one("beta") ? (int("transB") == 1 ? 0 : 1) : nil
    }
  }

  /// Drops nodes and constants that no output needs.
  mutating func removeUnused() {
    var needed = outputs
    var kept: [ONNXNode] = []
    // From the end, so that a reader comes before what it reads; unsorted graphs are left alone.
    let isSorted = sortedFrom(graph)
    for node in graph.nodes.reversed() where !isSorted || node.outputs.contains(where: { needed.contains($0) }) {
      kept.append(node)
      needed.formUnion(node.inputs)
      needed.formUnion(node.capturedNames)
    }
    graph.nodes = kept.reversed()
    graph.initializers.removeAll { !needed.contains($0.name) }
  }

  private func sortedFrom(_ graph: ONNXGraph) -> Bool {
    var later = Set(graph.nodes.flatMap(\.outputs))
    for node in graph.nodes {
      if node.inputs.contains(where: { !$0.isEmpty && later.contains($0) && !node.outputs.contains($0) }) {
        return false
      }
      later.subtract(node.outputs)
    }
    return true
  }
}
