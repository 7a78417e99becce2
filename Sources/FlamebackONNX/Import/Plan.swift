import Flameback
import FlamebackCore
import FlamebackFiles

/// Operators that do not exist here, all of them at once.
public struct ONNXUnsupported: Error, Sendable, CustomStringConvertible {
  public let path: String
  /// Operator, and the nodes that use it.
  public let operators: [(name: String, nodes: [String])]

  public var description: String {
    let lines = operators.map { name, nodes in
      "  \(name): \(nodes.prefix(5).joined(separator: ", "))" + (nodes.count > 5 ? ", … (\(nodes.count))" : "")
    }
    return (["[\(path)] uses operators that do not exist here:"] + lines).joined(separator: "\n")
  }
}

/// The nodes of a graph in the order in which they run, with numbers instead of names.
struct Plan: Sendable {
  struct Step: Sendable {
    let node: ONNXNode
    let op: Operator
    let inputs: [Int?]
    let outputs: [Int?]
    let bodies: [String: (plan: Plan, captures: [Int])]
    /// Values that nobody needs afterwards.
    var releases: [Int] = []
  }

  private(set) var steps: [Step] = []
  private(set) var slotCount = 0
  /// What the caller must give: names and places.
  private(set) var inputs: [(name: String, slot: Int)] = []
  private(set) var outputs: [(name: String, slot: Int)] = []
  /// Initializers, by number in the graph.
  private(set) var initializers: [(index: Int, slot: Int)] = []
  /// Names of an outer graph that this one reads.
  private(set) var captures: [(name: String, slot: Int)] = []
  let opset: Int
  private let path: String

  /// `outer`: the names that the graph around this one knows.
  init(_ graph: ONNXGraph, opset: Int, path: String, outer: Set<String> = []) throws {
    self.opset = opset
    self.path = path
    var slots: [String: Int] = [:]
    func failure(_ message: String) -> FileError { FileError(path: path, message) }
    let stored = Dictionary(grouping: graph.initializers.indices) { graph.initializers[$0].name }
    for (name, indices) in stored where indices.count > 1 { throw failure("two initializers are named '\(name)'") }
    func define(_ name: String, in count: inout Int) throws -> Int {
      guard slots[name] == nil else { throw failure("'\(name)' is computed twice") }
      slots[name] = count
      count += 1
      return count - 1
    }
    for (i, tensor) in graph.initializers.enumerated() {
      initializers.append((i, try define(tensor.name, in: &slotCount)))
    }
    for input in graph.inputs where stored[input.name] == nil {
      inputs.append((input.name, try define(input.name, in: &slotCount)))
    }
    let nodes = try Plan.sorted(graph.nodes, known: Set(slots.keys), outer: outer, path: path)
    var unsupported: [String: [String]] = [:]
    var captured: [String: Int] = [:]
    for node in nodes {
      guard let op = Operator.find(node) else {
        unsupported[node.domain.isEmpty ? node.op : "\(node.domain).\(node.op)", default: []].append(
          node.name.isEmpty ? node.outputs.first ?? "" : node.name)
        for output in node.outputs where !output.isEmpty { _ = try define(output, in: &slotCount) }
        continue
      }
      func slot(_ name: String) throws -> Int {
        if let known = slots[name] { return known }
        guard outer.contains(name) else { throw failure("\(node.title) reads '\(name)', which nothing computes") }
        let slot = try define(name, in: &slotCount)
        captured[name] = slot
        return slot
      }
      let inputs = try node.inputs.map { $0.isEmpty ? nil : try slot($0) }
      var bodies: [String: (plan: Plan, captures: [Int])] = [:]
      for (name, attribute) in node.attributes {
        guard case .graph(let inner) = attribute else { continue }
        do {
          let plan = try Plan(inner, opset: opset, path: path, outer: outer.union(slots.keys))
          bodies[name] = (plan, try plan.captures.map { try slot($0.name) })
        } catch let error as ONNXUnsupported {
          for (name, nodes) in error.operators { unsupported[name, default: []] += nodes }
        }
      }
      let outputs = try node.outputs.map { $0.isEmpty ? nil : try define($0, in: &slotCount) }
      steps.append(Step(node: node, op: op, inputs: inputs, outputs: outputs, bodies: bodies))
    }
    if !unsupported.isEmpty {
      throw ONNXUnsupported(path: path, operators: unsupported.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    for output in graph.outputs {
      if slots[output.name] == nil, outer.contains(output.name) {
        captured[output.name] = try define(output.name, in: &slotCount)
      }
      guard let slot = slots[output.name] else { throw failure("nothing computes the output '\(output.name)'") }
      outputs.append((output.name, slot))
    }
    captures = captured.map { ($0.key, $0.value) }.sorted { $0.slot < $1.slot }
    planReleases()
  }

  /// Nodes in an order in which each finds its inputs; ONNX asks for it, not all writers keep it.
  private static func sorted(
    _ nodes: [ONNXNode], known: Set<String>, outer: Set<String>, path: String
  ) throws(FileError) -> [ONNXNode] {
    var producers: [String: Int] = [:]
    for (i, node) in nodes.enumerated() { for name in node.outputs where !name.isEmpty { producers[name] = i } }
    var waiting = [Int](repeating: 0, count: nodes.count)
    var readers: [[Int]] = Array(repeating: [], count: nodes.count)
    for (i, node) in nodes.enumerated() {
      for name in node.inputs + node.capturedNames where !known.contains(name) {
        guard let producer = producers[name] else { continue }
        readers[producer].append(i)
        waiting[i] += 1
      }
    }
    // The lowest number first keeps a given order that is right.
    var ready = Heap(waiting.indices.filter { waiting[$0] == 0 })
    var order: [ONNXNode] = []
    while let i = ready.popMin() {
      order.append(nodes[i])
      for reader in readers[i] {
        waiting[reader] -= 1
        if waiting[reader] == 0 { ready.insert(reader) }
      }
    }
    guard order.count == nodes.count else {
      let stuck = waiting.indices.first { waiting[$0] > 0 }!
      throw FileError(path: path, "the graph has a cycle through \(nodes[stuck].title)")
    }
    return order
  }

  private mutating func planReleases() {
    var last: [Int: Int] = [:]
    for (i, step) in steps.enumerated() {
      for slot in step.inputs.compactMap({ $0 }) + step.bodies.values.flatMap(\.captures) { last[slot] = i }
      for slot in step.outputs.compactMap({ $0 }) { last[slot] = i }
    }
    let kept = Set(outputs.map(\.slot))
    for (slot, i) in last where !kept.contains(slot) { steps[i].releases.append(slot) }
  }
}

extension ONNXNode {
  /// Names that graphs inside the node read and do not compute themselves.
  var capturedNames: [String] {
    attributes.values.flatMap { attribute -> [String] in
      guard case .graph(let graph) = attribute else { return [] }
      let own = Set(graph.inputs.map(\.name) + graph.initializers.map(\.name) + graph.nodes.flatMap(\.outputs))
      return (graph.nodes.flatMap { $0.inputs + $0.capturedNames } + graph.outputs.map(\.name)).filter {
        !own.contains($0) && !$0.isEmpty
      }
    }
  }
}

/// Numbers of which the least comes first.
private struct Heap {
  private var items: [Int]

  /// `sorted` numbers are a heap already.
  init(_ sorted: [Int]) { items = sorted }

  mutating func insert(_ item: Int) {
    items.append(item)
    var i = items.count - 1
    while i > 0, items[(i - 1) / 2] > items[i] {
      items.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func popMin() -> Int? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    if items.isEmpty { return first }
    items[0] = last
    var i = 0
    while true {
      var least = i
      for child in [2 * i + 1, 2 * i + 2] where child < items.count && items[child] < items[least] { least = child }
      if least == i { return first }
      items.swapAt(i, least)
      i = least
    }
  }
}

extension Plan {
  /// Runs the nodes. `arguments` belong to `inputs`, `stored` to the graph's initializers, `captured` to `captures`.
  func callAsFunction(
    _ arguments: [Value], stored: [Int: Tensor] = [:], captured: [Value?] = [], in run: Run
  ) throws -> [Value] {
    var values: [Value?] = Array(repeating: nil, count: slotCount)
    for (input, argument) in zip(inputs, arguments) { values[input.slot] = argument }
    for (index, slot) in initializers { values[slot] = stored[index].map { Value(tensor: $0, isStatic: true) } }
    for (capture, value) in zip(captures, captured) { values[capture.slot] = value }
    for step in steps {
      let given = step.inputs.map { $0.flatMap { values[$0] } }
      var call = Call(node: step.node, opset: opset, inputs: given, run: run)
      var isStatic = step.op.readsOnlyShapes || step.op.isPure && given.allSatisfy { $0?.isStatic ?? true }
      for (name, body) in step.bodies {
        let captures = body.captures.map { values[$0] }
        isStatic = isStatic && captures.allSatisfy { $0?.isStatic ?? true }
        call.bodies[name] = Call.Body(plan: body.plan, captures: captures)
      }
      let results: [Tensor]
      do {
        results = try withErrors { try step.op.compute(call) }
        guard results.count >= step.outputs.lastIndex(where: { $0 != nil }).map({ $0 + 1 }) ?? 0 else {
          throw call.error("has \(results.count) outputs, the node names \(step.outputs.count)")
        }
      } catch let error as FileError { throw error } catch {
        throw FileError(path: path, place: step.node.title, "\((error as? OpError)?.message ?? "\(error)")")
      }
      for (slot, tensor) in zip(step.outputs, results) {
        if let slot { values[slot] = Value(tensor: tensor, isStatic: isStatic) }
      }
      for slot in step.releases { values[slot] = nil }
    }
    return try outputs.map { output in
      guard let value = values[output.slot] else { throw FileError(path: path, "output '\(output.name)' has no value") }
      return value
    }
  }
}
