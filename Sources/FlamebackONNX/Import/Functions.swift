import FlamebackFiles

extension ONNXFile {
  /// The model with every call of a function of its own replaced by that function's nodes.
  func inlined(limits: ONNXLimits) throws(FileError) -> ONNXFile {
    guard !functions.isEmpty else { return self }
    var inliner = Inliner(file: self, limit: limits.nodes)
    var result = self
    result.functions = []
    result.graph = try inliner.inline(graph, depth: 0)
    return result
  }
}

private struct Inliner {
  let functions: [String: ONNXFunction]
  let path: String
  /// Nodes that may still be made: functions that call functions could grow without end.
  var left: Int
  var calls = 0

  init(file: ONNXFile, limit: Int) {
    functions = Dictionary(
      file.functions.map { ("\($0.domain).\($0.name)", $0) }, uniquingKeysWith: { first, _ in first })
    path = file.path
    left = limit
  }

  mutating func inline(_ graph: ONNXGraph, depth: Int) throws(FileError) -> ONNXGraph {
    var result = graph
    result.nodes = try inline(graph.nodes, depth: depth)
    return result
  }

  private mutating func inline(_ nodes: [ONNXNode], depth: Int) throws(FileError) -> [ONNXNode] {
    guard depth < 64 else { throw FileError(path: path, "functions call each other without end") }
    var result: [ONNXNode] = []
    for var node in nodes {
      left -= 1
      guard left >= 0 else { throw FileError(path: path, "functions grow to too many nodes") }
      if let function = functions["\(node.domain).\(node.op)"] {
        result += try inline(body(of: function, calledBy: node), depth: depth + 1)
        continue
      }
      for (name, attribute) in node.attributes {
        guard case .graph(let graph) = attribute else { continue }
        node.attributes[name] = .graph(try inline(graph, depth: depth + 1))
      }
      result.append(node)
    }
    return result
  }

  /// The function's nodes, with names that nobody else has.
  private mutating func body(of function: ONNXFunction, calledBy node: ONNXNode) throws(FileError) -> [ONNXNode] {
    calls += 1
    let prefix = "\(node.name.isEmpty ? function.name : node.name)#\(calls)/"
    var names: [String: String] = [:]
    for (i, name) in function.inputs.enumerated() { names[name] = i < node.inputs.count ? node.inputs[i] : "" }
    for (i, name) in function.outputs.enumerated() where i < node.outputs.count && !node.outputs[i].isEmpty {
      guard names[name] == nil else {
        throw FileError(path: path, "function '\(function.name)' returns its input '\(name)' unchanged")
      }
      names[name] = node.outputs[i]
    }
    return function.nodes.map { renamed($0, names, prefix, function.defaults.merging(node.attributes) { $1 }) }
  }

  private func renamed(
    _ node: ONNXNode, _ names: [String: String], _ prefix: String, _ attributes: [String: ONNXAttribute]
  ) -> ONNXNode {
    func new(_ name: String) -> String { name.isEmpty ? "" : names[name] ?? prefix + name }
    var node = node
    node.name = prefix + node.name
    node.inputs = node.inputs.map(new)
    node.outputs = node.outputs.map(new)
    for (key, attribute) in node.attributes {
      switch attribute {
      case .reference(let name): node.attributes[key] = attributes[name]
      case .graph(var graph):
        for i in graph.initializers.indices { graph.initializers[i].name = new(graph.initializers[i].name) }
        for i in graph.inputs.indices { graph.inputs[i].name = new(graph.inputs[i].name) }
        for i in graph.outputs.indices { graph.outputs[i].name = new(graph.outputs[i].name) }
        graph.nodes = graph.nodes.map { renamed($0, names, prefix, attributes) }
        node.attributes[key] = .graph(graph)
      default: break
      }
    }
    return node
  }
}
