import FlamebackCore
import FlamebackKernels

/// Products summed as Einstein's notation tells: `einsum("bij,bjk->bik", a, b)`.
///
/// Letters name dimensions, `...` stands for any leading ones; a letter twice in an operand takes the diagonal; without
/// `->` the result has the letters that occur once, in alphabetical order. SeeAlso: torch.einsum
public func einsum(_ equation: String, _ operands: Tensor...) -> Tensor { einsum(equation, operands) }

/// `einsum` of an array of operands. SeeAlso: torch.einsum
public func einsum(_ equation: String, _ operands: [Tensor]) -> Tensor {
  guard let first = operands.first else { return fail("einsum", "needs at least one operand") }
  return attempt(like: first) { () throws(OpError) in try Einsum(equation, operands).contracted() }
}

/// `einsum` with dimensions named by numbers: the labels of each operand, and those of the result.
/// -1 stands for `...`. SeeAlso: torch.einsum in its sublist form
public func einsum(_ operands: [(Tensor, [Int])], output: [Int]? = nil) -> Tensor {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz").map(String.init)
  let lists = operands.map(\.1) + (output.map { [$0] } ?? [])
  guard lists.allSatisfy({ $0.allSatisfy { $0 >= -1 && $0 < letters.count } }) else {
    return fail("einsum", "labels must lie in 0..<\(letters.count), or be -1 for the ellipsis")
  }
  let spell = { (labels: [Int]) in labels.map { $0 < 0 ? "..." : letters[$0] }.joined() }
  let inputs = operands.map { spell($0.1) }.joined(separator: ",")
  return einsum(output.map { inputs + "->" + spell($0) } ?? inputs, operands.map(\.0))
}

/// An equation with its operands, which are contracted from left to right.
private struct Einsum {
  /// A letter by its code; the dimensions of the ellipsis are -1, -2, … from the last one.
  typealias Label = Int

  private struct Term {
    var tensor: Tensor
    var labels: [Label]

    mutating func sum(_ gone: Set<Label>) {
      let dims = labels.indices.filter { gone.contains(labels[$0]) }
      if dims.isEmpty { return }
      tensor = tensor.sum(dim: dims)
      labels.removeAll { gone.contains($0) }
    }

    /// The tensor with the dimensions in that order.
    func arranged(_ order: [Label]) -> Tensor {
      order == labels ? tensor : tensor.permute(order.map { labels.firstIndex(of: $0)! })
    }
  }

  private var terms: [Term] = []
  private let output: [Label]
  private var sizes: [Label: Int] = [:]

  init(_ equation: String, _ operands: [Tensor]) throws(OpError) {
    let text = Array(equation.utf8.filter { $0 != UInt8(ascii: " ") })
    let arrow = text.indices.dropLast().first { text[$0] == UInt8(ascii: "-") && text[$0 + 1] == UInt8(ascii: ">") }
    let left = text[..<(arrow ?? text.count)]
    let subscripts = left.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard subscripts.count == operands.count else {
      throw OpError("einsum", "'\(equation)' names \(subscripts.count) operands, but \(operands.count) were given")
    }
    var lists: [[Label?]] = []  // nil: the ellipsis
    for list in subscripts { lists.append(try Einsum.labels(list, equation)) }
    var ellipsis = 0
    for (list, operand) in zip(lists, operands) {
      let letters = list.count { $0 != nil }
      let hasEllipsis = letters < list.count
      guard hasEllipsis ? letters <= operand.rank : letters == operand.rank else {
        throw OpError(
          "einsum",
          "'\(equation)' gives \(letters) letters for an operand of \(operand.rank) dimensions \(operand.spec)")
      }
      if hasEllipsis { ellipsis = max(ellipsis, operand.rank - letters) }
    }
    let leading = (0..<ellipsis).map { $0 - ellipsis }
    if let arrow {
      let list = try Einsum.labels(text[(arrow + 2)...], equation)
      output = list.flatMap { $0.map { [$0] } ?? leading }
      for (i, label) in output.enumerated() where output[..<i].contains(label) {
        throw OpError("einsum", "a letter occurs twice in the result of '\(equation)'")
      }
      let known = Set(lists.joined().compactMap { $0 })
      if output.contains(where: { $0 >= 0 && !known.contains($0) }) {
        throw OpError("einsum", "the result of '\(equation)' has a letter that no operand has")
      }
    } else {
      var counts: [Label: Int] = [:]
      for label in lists.joined() { if let label { counts[label, default: 0] += 1 } }
      output = leading + counts.filter { $0.value == 1 }.keys.sorted()
    }
    for (list, operand) in zip(lists, operands) {
      let extra = operand.rank - list.count { $0 != nil }
      let labels = list.flatMap { $0.map { [$0] } ?? (0..<extra).map { $0 - extra } }
      terms.append(try Einsum.diagonal(operand, labels, equation))
    }
    for term in terms {
      for (label, size) in zip(term.labels, term.tensor.shape) {
        let known = sizes[label] ?? 1
        guard size == known || size == 1 || known == 1 else {
          throw OpError(
            "einsum",
            "a dimension of '\(equation)' has sizes \(known) and \(size) among "
              + operands.map(\.spec.description).joined(separator: " × "))
        }
        sizes[label] = known == 1 ? size : known
      }
    }
    // A dimension of size 1 that others repeat is as good as absent.
    for i in terms.indices {
      for d in terms[i].labels.indices.reversed() where terms[i].tensor.shape[d] == 1 && sizes[terms[i].labels[d]] != 1
      {
        terms[i].tensor = terms[i].tensor.squeeze(d)
        terms[i].labels.remove(at: d)
      }
    }
  }

  private static func labels(_ text: ArraySlice<UInt8>, _ equation: String) throws(OpError) -> [Label?] {
    var result: [Label?] = []
    var i = text.startIndex
    while i < text.endIndex {
      let code = text[i]
      if (code | 32) >= UInt8(ascii: "a") && (code | 32) <= UInt8(ascii: "z") {
        result.append(Int(code))
        i += 1
      } else if text[i...].starts(with: [46, 46, 46]), !result.contains(where: { $0 == nil }) {
        result.append(nil)
        i += 3
      } else {
        throw OpError("einsum", "'\(equation)' is no equation: letters, at most one '...' an operand, ',' and '->'")
      }
    }
    return result
  }

  /// The operand with one dimension for every letter.
  private static func diagonal(_ operand: Tensor, _ labels: [Label], _ equation: String) throws(OpError) -> Term {
    var term = Term(tensor: operand, labels: labels)
    var i = 0
    while i < term.labels.count {
      guard let j = term.labels[(i + 1)...].firstIndex(of: term.labels[i]) else {
        i += 1
        continue
      }
      guard term.tensor.shape[i] == term.tensor.shape[j] else {
        throw OpError("einsum", "a letter of '\(equation)' names two sizes of \(operand.spec)")
      }
      term.tensor = term.tensor.diagonal(dim1: i, dim2: j)
      let label = term.labels[i]
      term.labels.remove(at: j)
      term.labels.remove(at: i)
      term.labels.append(label)
    }
    return term
  }

  func contracted() throws(OpError) -> Tensor {
    var terms = terms
    var result = terms.removeFirst()
    while !terms.isEmpty {
      let next = terms.removeFirst()
      result = Einsum.product(result, next, needed: Set(output).union(terms.flatMap(\.labels)))
    }
    result.sum(Set(result.labels).subtracting(output))
    // What no operand has is of size 1: every size above 1 comes from some operand.
    for label in output where !result.labels.contains(label) {
      result.tensor = result.tensor.unsqueeze(0)
      result.labels.insert(label, at: 0)
    }
    return result.arranged(output)
  }

  /// Two operands as one batched matrix product.
  private static func product(_ a: Term, _ b: Term, needed: Set<Label>) -> Term {
    var a = a
    var b = b
    a.sum(Set(a.labels).subtracting(needed).subtracting(b.labels))
    b.sum(Set(b.labels).subtracting(needed).subtracting(a.labels))
    let shared = a.labels.filter { b.labels.contains($0) }
    let batch = shared.filter { needed.contains($0) }
    let inner = shared.filter { !needed.contains($0) }
    let rows = a.labels.filter { !shared.contains($0) }
    let columns = b.labels.filter { !shared.contains($0) }
    func size(_ labels: [Label], _ term: Term) -> Int {
      labels.reduce(1) { $0 * term.tensor.shape[term.labels.firstIndex(of: $1)!] }
    }
    let sizes = batch.map { size([$0], a) } + rows.map { size([$0], a) } + columns.map { size([$0], b) }
    let left = a.arranged(batch + rows + inner)
    let right = b.arranged(batch + inner + columns)
    if inner.isEmpty {  // nothing to sum
      let count = batch.count
      let wide = left.reshape(sizes[..<(count + rows.count)] + Array(repeating: 1, count: columns.count))
      let deep = right.reshape(
        sizes[..<count] + Array(repeating: 1, count: rows.count) + sizes[(count + rows.count)...])
      return Term(tensor: wide * deep, labels: batch + rows + columns)
    }
    let batches = size(batch, a)
    let depth = size(inner, a)
    let product = left.reshape([batches, size(rows, a), depth])
      .matmul(right.reshape([batches, depth, size(columns, b)]), op: "einsum")
    return Term(tensor: product.reshape(sizes), labels: batch + rows + columns)
  }
}
