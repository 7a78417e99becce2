import FlamebackFiles

extension ONNXFile {
  /// What was written operation by operation, as one would write it by hand.
  func tidied(_ options: ONNXExportOptions) throws -> ONNXFile {
    var result = self
    result.graph.joinTransposes()
    result.graph.dropOutputCopies()
    var changes: Optimizations = []
    if options.foldsConstants { changes.insert(.constants) }
    if options.foldsBatchNorms { changes.insert(.batchNorms) }
    return try result.optimized(changes)
  }
}

extension ONNXGraph {
  /// `Gemm` of a transposed matrix is `Gemm` with a flag: the weight keeps its layout and its name.
  fileprivate mutating func joinTransposes() {
    var sources: [String: String] = [:]
    for node in nodes where node.op == "Transpose" {
      if case .ints([1, 0])? = node.attributes["perm"] { sources[node.outputs[0]] = node.inputs[0] }
    }
    for i in nodes.indices where nodes[i].op == "Gemm" {
      for (k, flag) in [(0, "transA"), (1, "transB")] {
        guard let source = sources[nodes[i].inputs[k]] else { continue }
        nodes[i].inputs[k] = source
        if case .int(1)? = nodes[i].attributes[flag] {
          nodes[i].attributes[flag] = nil
        } else {
          nodes[i].attributes[flag] = .int(1)
        }
      }
    }
  }

  /// A node whose only reader copies it to an output computes the output itself.
  fileprivate mutating func dropOutputCopies() {
    var readers: [String: Int] = [:]
    for node in nodes { for name in node.inputs { readers[name, default: 0] += 1 } }
    var producers: [String: (node: Int, output: Int)] = [:]
    for (i, node) in nodes.enumerated() { for (k, name) in node.outputs.enumerated() { producers[name] = (i, k) } }
    let outputs = Set(self.outputs.map(\.name))
    var dropped: Set<Int> = []
    for (i, node) in nodes.enumerated() where node.op == "Identity" && outputs.contains(node.outputs[0]) {
      guard let (producer, k) = producers[node.inputs[0]], readers[node.inputs[0]] == 1,
        !outputs.contains(node.inputs[0])
      else { continue }
      nodes[producer].outputs[k] = node.outputs[0]
      dropped.insert(i)
    }
    nodes = nodes.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
  }
}
