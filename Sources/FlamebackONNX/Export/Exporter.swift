import Flameback
import FlamebackCore
import FlamebackFiles

/// Walks through a graph, and the same graph with one axis longer, side by side, and writes every operation.
struct Exporter {
  private let nodes: NodeWriter
  private var items: [ONNXExportError.Item] = []

  private init(nodes: NodeWriter) { self.nodes = nodes }

  /// `longer`: for each dynamic axis the graph with that axis longer. `axes`: (input, dimension) of each.
  static func write(
    _ graph: Graph, longer: [Graph] = [], axes: [[(input: Int, dim: Int, name: String)]] = [],
    options: ONNXExportOptions
  ) throws -> ONNXFile {
    let graph = graph.foldingCreations()
    let longer = longer.map { $0.foldingCreations() }
    guard (18...23).contains(options.opset) else {
      throw OpError("onnx", "operator sets 18 to 23 can be written, not \(options.opset)")
    }
    let inputNames = names(options.inputNames, graph.inputs.count, "input")
    let outputNames = names(options.outputNames, graph.outputs.count, "output")
    guard Set(inputNames + outputNames).count == inputNames.count + outputNames.count else {
      throw OpError("onnx", "names of inputs and outputs are not unique: \(inputNames + outputNames)")
    }
    let inputs = graph.inputs.enumerated().map { i, slot in
      ExportValue(
        name: inputNames[i], dtype: graph.specs[slot].dtype, shape: graph.specs[slot].shape,
        variants: longer.map { $0.specs[$0.inputs[i]].shape })
    }
    let dynamic = axes.enumerated().map { k, places in
      let (input, dim, name) = places[0]
      return DynamicAxis(
        name: name, input: inputs[input], dim: dim, size: inputs[input].shape[dim],
        longer: inputs[input].variants[k][dim])
    }
    let writer = NodeWriter(opset: options.opset, axes: dynamic, names: Set(inputNames + outputNames))
    var exporter = Exporter(nodes: writer)
    let results = exporter.walk([graph] + longer, inputs)
    if !exporter.items.isEmpty { throw ONNXExportError(items: exporter.items) }

    var file = ONNXFile()
    file.irVersion = options.irVersion
    file.opsets = ["": options.opset]
    file.graph.nodes = writer.nodes.map { $0.onnx }
    file.graph.initializers = writer.constants.map { ONNXTensor(name: $0.name, $0.tensor) }
    for (name, value) in zip(outputNames, results) {
      // An output has a name of its own, whatever computed it.
      file.graph.nodes.append(ONNXNode(name: "/\(name)", op: "Identity", inputs: [value!.name], outputs: [name]))
    }
    func info(_ name: String, _ graphs: [Graph], _ slot: (Graph) -> Int) -> ONNXValueInfo {
      let spec = graph.specs[slot(graph)]
      var shape: [ONNXValueInfo.Dimension] = spec.shape.map { .size($0) }
      for (k, other) in longer.enumerated() {
        let longerShape = other.specs[slot(other)].shape
        for d in shape.indices where longerShape[d] != spec.shape[d] {
          let isAxis =
            longerShape[d] * dynamic[k].size == spec.shape[d] * dynamic[k].longer && spec.shape[d] == dynamic[k].size
          shape[d] = isAxis ? .named(dynamic[k].name) : .unknown
        }
      }
      return ONNXValueInfo(name: name, type: ONNXType(spec.dtype) ?? .complex64, shape: shape)
    }
    file.graph.inputs = inputNames.enumerated().map { i, name in info(name, longer) { $0.inputs[i] } }
    file.graph.outputs = outputNames.enumerated().map { i, name in info(name, longer) { $0.outputs[i] } }
    return try file.tidied(options)
  }

  private static func names(_ given: [String], _ count: Int, _ standard: String) -> [String] {
    (0..<count).map { $0 < given.count ? given[$0] : count == 1 ? standard : "\(standard)_\($0)" }
  }

  // MARK: walking

  /// One operation, or a region that is one operation in ONNX.
  private enum Unit {
    case instruction(Int)
    case region(Int)
  }

  /// What has to be written: only what an output needs.
  private static func units(_ graph: Graph) -> [Unit] {
    var needed = Set(graph.outputs)
    var isLive = [Bool](repeating: false, count: graph.instructions.count)
    for (i, instruction) in graph.instructions.enumerated().reversed()
    where instruction.outputs.contains(where: { needed.contains($0) }) {
      isLive[i] = true
      needed.formUnion(instruction.inputs)
    }
    var units: [Unit] = []
    var i = 0
    var region = 0
    while i < graph.instructions.count {
      if region < graph.regions.count, graph.regions[region].instructions.lowerBound == i,
        !graph.regions[region].instructions.isEmpty
      {
        if graph.regions[region].instructions.contains(where: { isLive[$0] }) { units.append(.region(region)) }
        i = graph.regions[region].instructions.upperBound
        region += 1
        continue
      }
      if isLive[i] { units.append(.instruction(i)) }
      i += 1
    }
    return units
  }

  /// Writes all of `graphs[0]`; the others are the same with one axis longer. nil: an output that could not be written.
  private mutating func walk(_ graphs: [Graph], _ inputs: [ExportValue]) -> [ExportValue?] {
    let graph = graphs[0]
    var values: [Int: ExportValue] = [:]
    var failed: Set<Int> = []
    for (slot, input) in zip(graph.inputs, inputs) { values[slot] = input }
    let all = graphs.map(Self.units)
    guard all.allSatisfy({ $0.count == all[0].count }) else {
      let names = nodes.axes.map(\.name).joined(separator: ", ")
      items.append(
        .init(operation: "graph", module: nodes.scope, reason: "its operations change with the size of \(names)"))
      return graph.outputs.map { _ in nil }
    }
    let outer = nodes.scope
    for (u, unit) in all[0].enumerated() {
      let others = zip(graphs.dropFirst(), all.dropFirst()).map { ($0, $1[u]) }
      var slots: (inputs: [Int], outputs: [Int])
      let name: String
      switch unit {
      case .instruction(let i):
        let instruction = graph.instructions[i]
        slots = (instruction.inputs, instruction.outputs)
        name = instruction.primitive.name
        nodes.scope = instruction.scope.isEmpty ? outer : instruction.scope
        nodes.siblings = others.compactMap { other, unit in
          if case .instruction(let i) = unit { other.instructions[i].primitive } else { nil }
        }
      case .region(let i):
        let region = graph.regions[i]
        slots = (region.inputs, region.outputs)
        name = region.region.name
        nodes.scope = graph.instructions[region.instructions.lowerBound].scope
        nodes.siblings = []
      }
      if slots.inputs.contains(where: { failed.contains($0) }) {
        failed.formUnion(slots.outputs)
        continue
      }
      func slot(_ graph: Graph, _ unit: Unit, _ k: Int, output: Bool) -> Int? {
        switch unit {
        case .instruction(let i):
          let list = output ? graph.instructions[i].outputs : graph.instructions[i].inputs
          return k < list.count ? list[k] : nil
        case .region(let i):
          let list = output ? graph.regions[i].outputs : graph.regions[i].inputs
          return k < list.count ? list[k] : nil
        }
      }
      do {
        var given: [ExportValue] = []
        for (k, input) in slots.inputs.enumerated() {
          if values[input] == nil {
            let counterparts = others.map { other, unit in slot(other, unit, k, output: false).map { (other, $0) } }
            values[input] = try constant(graph, input, counterparts, name)
          }
          given.append(values[input]!)
        }
        let results: [ExportValue]
        switch unit {
        case .instruction(let i): results = try write(graph.instructions[i].primitive, given)
        case .region(let i): results = try graph.regions[i].region.export(given, to: nodes)
        }
        for (k, (output, result)) in zip(slots.outputs, results).enumerated() {
          let variants = others.compactMap { other, unit in
            slot(other, unit, k, output: true).map { other.specs[$0].shape }
          }
          let spec = graph.specs[output]
          values[output] = ExportValue(name: result.name, dtype: spec.dtype, shape: spec.shape, variants: variants)
        }
      } catch {
        items.append(.init(operation: name, module: nodes.scope, reason: error.message))
        failed.formUnion(slots.outputs)
      }
    }
    nodes.scope = outer
    return graph.outputs.map { slot in
      if failed.contains(slot) { return nil }
      return values[slot] ?? (try? constant(graph, slot, [], "output"))
    }
  }

  /// By the operation's own rule, or through the smaller operations it consists of.
  private mutating func write(_ primitive: any Primitive, _ inputs: [ExportValue]) throws(OpError) -> [ExportValue] {
    var refusal = OpError(primitive.name, "ONNX has no operator for it")
    if let exportable = primitive as? any Exportable {
      nodes.followsAxes = false
      do {
        let results = try exportable.export(inputs, to: nodes)
        if !nodes.followsAxes { try requireSameAttributes(primitive) }
        return results
      } catch { refusal = error }
    }
    let siblings = nodes.siblings
    defer { nodes.siblings = siblings }
    var graphs: [Graph] = []
    for (k, one) in ([primitive] + siblings).enumerated() {
      let specs = inputs.map { input in
        TensorSpec(shape: k == 0 || input.variants.count < k ? input.shape : input.variants[k - 1], dtype: input.dtype)
      }
      var hasParts = true
      let examples = specs.map { Tensor.filled(1, $0) }
      let graph = noGrad {
        trace(examples) { inputs in
          guard let outputs = one.decomposed(inputs) else {
            hasParts = false
            return []
          }
          return outputs
        }
      }
      guard hasParts else { throw refusal }
      graphs.append(graph)
    }
    let count = items.count
    let results = walk(graphs, inputs)
    guard items.count == count else {
      let reason = items[count...].map { "\($0.operation): \($0.reason)" }.joined(separator: "; ")
      items.removeSubrange(count...)
      throw OpError(refusal.op, "\(refusal.message) (its parts: \(reason))")
    }
    return results.compactMap { $0 }
  }

  /// Settings that follow an axis without the operation knowing it would be wrong for other sizes.
  private func requireSameAttributes(_ primitive: any Primitive) throws(OpError) {
    for sibling in nodes.siblings {
      for (own, other) in zip(primitive.attributes, sibling.attributes) where own.1 != other.1 {
        throw OpError(primitive.name, "\(own.0) follows a dynamic axis (\(own.1), \(other.1))")
      }
    }
  }

  /// A tensor that the computation found: a parameter, or one made from the shapes of the inputs.
  private func constant(
    _ graph: Graph, _ slot: Int, _ others: [(Graph, Int)?], _ op: String
  ) throws(OpError) -> ExportValue {
    guard let tensor = graph.constants[slot] else { throw OpError(op, "an input that nothing computes") }
    var variants: [Tensor] = []
    for other in others {
      guard let (graph, slot) = other, let tensor = graph.constants[slot] else {
        throw OpError(op, "an input changes its kind with a dynamic axis")
      }
      variants.append(tensor)
    }
    let isSame = variants.allSatisfy { other in
      other.sharesStorage(with: tensor) && other.layout == tensor.layout
        || other.shape == tensor.shape && other.dtype == tensor.dtype && same(other, tensor)
    }
    if isSame { return nodes.constant(tensor, name: graph.names[slot]) }
    let bases = tensor.shape.array
    let sizes = variants.map(\.shape.array)
    if let value = uniform(tensor), variants.allSatisfy({ uniform($0) == value }) {
      let shape = try nodes.sizes(bases, sizes, op: op)
      let fill = Tensor.filled(value, TensorSpec(shape: [1], dtype: tensor.dtype))
      return nodes.node("ConstantOfShape", [shape], [("value", .tensor(fill))], tensor.dtype, shape: tensor.shape)
    }
    if tensor.rank == 1, tensor.dtype == .int64, let (start, step) = progression(tensor),
      variants.allSatisfy({ progression($0).map { $0 == (start, step) } ?? false })
    {
      let count = try nodes.sizes(bases, sizes, op: op)
      let length = nodes.node("Squeeze", [count, nodes.ints([0])], [], .int64, shape: [])
      let scaled = nodes.node("Mul", [length, nodes.number(.int(step), .int64)], [], .int64, shape: [])
      let end = nodes.node("Add", [scaled, nodes.number(.int(start), .int64)], [], .int64, shape: [])
      return nodes.node(
        "Range", [nodes.number(.int(start), .int64), end, nodes.number(.int(step), .int64)], [], .int64,
        shape: tensor.shape)
    }
    throw OpError(op, "a tensor made from sizes (\(tensor.spec)) follows a dynamic axis")
  }

  private func same(_ a: Tensor, _ b: Tensor) -> Bool {
    a.withHostBytes { a in b.withHostBytes { b in a.elementsEqual(b) } }
  }

  /// The number that all elements are.
  private func uniform(_ tensor: Tensor) -> Scalar? {
    guard tensor.elementCount > 0, !tensor.dtype.isComplex else { return nil }
    let first = tensor.reshape(-1)[0].item()
    return noGrad { (tensor .== first).all().item().bool } ? first : nil
  }

  private func progression(_ tensor: Tensor) -> (Int, Int)? {
    let values = tensor.scalars(Int.self)
    guard values.count > 1 else { return nil }
    let step = values[1] - values[0]
    return step != 0 && values.indices.allSatisfy { values[$0] == values[0] + $0 * step } ? (values[0], step) : nil
  }
}

extension NodeWriter.Node {
  fileprivate var onnx: ONNXNode {
    var node = ONNXNode(name: name, op: op, inputs: inputs, outputs: outputs)
    while node.inputs.last == "" { node.inputs.removeLast() }
    for (name, attribute) in attributes {
      switch attribute {
      case .int(let value): node.attributes[name] = .int(value)
      case .ints(let values): node.attributes[name] = .ints(values)
      case .float(let value): node.attributes[name] = .float(Float(value))
      case .text(let text): node.attributes[name] = .text(text)
      case .texts(let texts): node.attributes[name] = .strings(texts.map { Array($0.utf8) })
      case .tensor(let tensor): node.attributes[name] = .tensor(ONNXTensor(name: "", tensor))
      }
    }
    return node
  }
}
