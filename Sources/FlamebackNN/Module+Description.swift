extension Module {
  /// The tree of modules as PyTorch prints it. SeeAlso: torch.nn.Module.__repr__
  public var description: String {
    let children = registry.children
    let extra =
      extraRepr.isEmpty ? [] : extraRepr.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if children.isEmpty && extra.count <= 1 { return "\(typeName)(\(extra.first ?? ""))" }
    return "\(typeName)(\n" + (extra + childLines(children)).map { "  \($0)\n" }.joined() + ")"
  }

  private func childLines(_ children: [(name: String, module: Module)]) -> [String] {
    var groups: [(first: String, last: String, count: Int, text: String)] = []
    for (name, child) in children {
      let text = child.description.split(separator: "\n").joined(separator: "\n  ")
      if collapsesRepeats, let last = groups.last, last.text == text {
        groups[groups.count - 1].last = name
        groups[groups.count - 1].count += 1
      } else {
        groups.append((name, name, 1, text))
      }
    }
    return groups.map { first, last, count, text in
      count == 1 ? "(\(first)): \(text)" : "(\(first)-\(last)): \(count) x \(text)"
    }
  }
}

/// How Python prints a value in a module's description.
func repr(_ value: Bool) -> String { value ? "True" : "False" }
func repr(_ value: Int) -> String { "\(value)" }
func repr(_ value: Double) -> String { value.isInfinite ? (value < 0 ? "-inf" : "inf") : "\(value)" }
func repr(_ value: String) -> String { "'\(value)'" }
func repr(_ values: [Int]) -> String {
  values.count == 1 ? "(\(values[0]),)" : "(\(values.map(String.init).joined(separator: ", ")))"
}
func repr(_ value: Int?) -> String { value.map(String.init) ?? "None" }
func repr(_ value: Double?) -> String { value.map { repr($0) } ?? "None" }
