/// Boxes and arrows, drawn top down: a computation for people to look at.
public struct Drawing: Sendable {
  /// A box: what it is called and what stands below in small print.
  public struct Node: Sendable {
    public var title: String
    public var detail: String
    /// Inputs, parameters and results look different from operations.
    public var isValue: Bool
  }

  public var nodes: [Node] = []
  /// From, to.
  public var edges: [(Int, Int)] = []

  public init() {}

  @discardableResult
  mutating func add(_ title: String, _ detail: String = "", isValue: Bool = false) -> Int {
    nodes.append(Node(title: title, detail: detail, isValue: isValue))
    return nodes.count - 1
  }

  /// The drawing for Graphviz.
  public var dot: String {
    func quoted(_ text: String) -> String {
      "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    }
    var lines = ["digraph {", "  node [fontname=\"sans-serif\" fontsize=11 style=filled shape=box]"]
    for (i, node) in nodes.enumerated() {
      let label = node.detail.isEmpty ? node.title : "\(node.title)\n\(node.detail)"
      lines.append("  n\(i) [label=\(quoted(label)) fillcolor=\(quoted(node.isValue ? "#dbeafe" : "#fef3c7"))]")
    }
    for (from, to) in edges { lines.append("  n\(from) -> n\(to)") }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  /// The row of each node: one below the lowest of those it comes from.
  private var rows: [Int] {
    var incoming = Array(repeating: 0, count: nodes.count)
    var outgoing = Array(repeating: [Int](), count: nodes.count)
    for (from, to) in edges {
      incoming[to] += 1
      outgoing[from].append(to)
    }
    var rows = Array(repeating: 0, count: nodes.count)
    var ready = nodes.indices.filter { incoming[$0] == 0 }
    while let node = ready.popLast() {
      for next in outgoing[node] {
        rows[next] = max(rows[next], rows[node] + 1)
        incoming[next] -= 1
        if incoming[next] == 0 { ready.append(next) }
      }
    }
    // A value that is used late stands right above its use.
    for i in nodes.indices where nodes[i].isValue && !outgoing[i].isEmpty {
      rows[i] = max(rows[i], outgoing[i].map { rows[$0] }.min()! - 1)
    }
    return rows
  }

  /// The drawing as a picture.
  public var svg: String {
    let (charWidth, boxHeight, rowHeight, gap) = (6.6, 40.0, 74.0, 18.0)
    let widths = nodes.map { Double(max($0.title.count, $0.detail.count, 6)) * charWidth + 16 }
    let rows = rows
    var columns = Array(repeating: [Int](), count: (rows.max() ?? -1) + 1)
    for i in nodes.indices { columns[rows[i]].append(i) }
    var parents = Array(repeating: [Int](), count: nodes.count)
    for (from, to) in edges { parents[to].append(from) }
    let rowWidths = columns.map { $0.reduce(-gap) { $0 + widths[$1] + gap } }
    let width = max(rowWidths.max() ?? 0, 60) + 40
    var x = Array(repeating: 0.0, count: nodes.count)
    for (row, members) in columns.enumerated() {
      // Below the middle of what it comes from, as far as the row allows.
      let wish = Dictionary(
        uniqueKeysWithValues: members.map { i in
          (i, parents[i].isEmpty ? width / 2 : parents[i].map { x[$0] }.reduce(0, +) / Double(parents[i].count))
        })
      var left = (width - rowWidths[row]) / 2
      for i in members.sorted(by: { wish[$0]! < wish[$1]! }) {
        x[i] = left + widths[i] / 2
        left += widths[i] + gap
      }
    }
    func y(_ i: Int) -> Double { 20 + Double(rows[i]) * rowHeight }
    func escaped(_ text: String) -> String {
      text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
    func n(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
    let height = 40 + Double(max(columns.count, 1) - 1) * rowHeight + boxHeight
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(n(width))\" height=\"\(n(height))\" font-family=\"sans-serif\">",
      "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
        + "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#64748b\"/></marker></defs>",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
    ]
    for (from, to) in edges {
      let (top, bottom) = (y(from) + boxHeight, y(to) - 1)
      let middle = (top + bottom) / 2
      parts.append(
        "<path d=\"M\(n(x[from])) \(n(top))C\(n(x[from])) \(n(middle)) \(n(x[to])) \(n(middle)) \(n(x[to])) \(n(bottom))\" "
          + "fill=\"none\" stroke=\"#64748b\" marker-end=\"url(#tip)\"/>")
    }
    for (i, node) in nodes.enumerated() {
      let middle = y(i) + (node.detail.isEmpty ? 25 : 17)
      parts.append(
        "<rect x=\"\(n(x[i] - widths[i] / 2))\" y=\"\(n(y(i)))\" width=\"\(n(widths[i]))\" height=\"\(n(boxHeight))\" "
          + "rx=\"\(node.isValue ? 18 : 4)\" fill=\"\(node.isValue ? "#dbeafe" : "#fef3c7")\" stroke=\"#64748b\"/>")
      parts.append(
        "<text x=\"\(n(x[i]))\" y=\"\(n(middle))\" text-anchor=\"middle\" font-size=\"12\">\(escaped(node.title))</text>"
      )
      if !node.detail.isEmpty {
        parts.append(
          "<text x=\"\(n(x[i]))\" y=\"\(n(middle + 15))\" text-anchor=\"middle\" font-size=\"10\" fill=\"#475569\">"
            + "\(escaped(node.detail))</text>")
      }
    }
    return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
  }
}

extension Graph {
  /// The computation as boxes and arrows.
  public var drawing: Drawing {
    var drawing = Drawing()
    var origin: [Int: Int] = [:]
    for i in inputs { origin[i] = drawing.add("input", specs[i].description, isValue: true) }
    for i in constants.keys.sorted() {
      origin[i] = drawing.add(names[i] ?? "constant", specs[i].description, isValue: true)
    }
    for instruction in instructions {
      let detail = instruction.outputs.map { specs[$0].description }.joined(separator: ", ")
      let node = drawing.add(instruction.primitive.name, detail)
      for input in instruction.inputs { if let from = origin[input] { drawing.edges.append((from, node)) } }
      for output in instruction.outputs { origin[output] = node }
    }
    for i in outputs {
      let node = drawing.add("output", specs[i].description, isValue: true)
      if let from = origin[i] { drawing.edges.append((from, node)) }
    }
    return drawing
  }
}

extension Tensor {
  /// The recorded operations this tensor came from, leaves on top: PyTorch's computational graph.
  public var gradientGraph: Drawing {
    var drawing = Drawing()
    guard let root = gradFn else {
      drawing.add(requiresGrad ? "leaf" : "tensor", spec.description, isValue: true)
      return drawing
    }
    var numbers: [ObjectIdentifier: Int] = [:]
    var leaves: [ObjectIdentifier: Int] = [:]
    var order: [GradNode] = []
    var stack = [root]
    while let node = stack.popLast() {
      guard numbers[ObjectIdentifier(node)] == nil else { continue }
      numbers[ObjectIdentifier(node)] = drawing.add(
        node.name, node.outputSpecs.map(\.description).joined(separator: ", "))
      order.append(node)
      for case .node(let next, _) in node.edges { stack.append(next) }
    }
    for node in order {
      let to = numbers[ObjectIdentifier(node)]!
      for (i, edge) in node.edges.enumerated() {
        switch edge {
        case .node(let next, _): drawing.edges.append((numbers[ObjectIdentifier(next)]!, to))
        case .leaf(let slot):
          let known = leaves[ObjectIdentifier(slot)]
          let from = known ?? drawing.add("leaf", node.inputSpecs[i].description, isValue: true)
          leaves[ObjectIdentifier(slot)] = from
          drawing.edges.append((from, to))
        case .none: break
        }
      }
    }
    let output = drawing.add("output", spec.description, isValue: true)
    drawing.edges.append((numbers[ObjectIdentifier(root)]!, output))
    return drawing
  }
}
