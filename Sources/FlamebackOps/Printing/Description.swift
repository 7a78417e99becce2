import FlamebackCore
import FlamebackKernels

extension Tensor: CustomStringConvertible {
  /// The tensor as PyTorch prints it. SeeAlso: torch.Tensor.__repr__, setPrintOptions
  public var description: String {
    let options = PrintOptions.current
    let prefix = "tensor("
    var suffixes: [String] = []
    if device != Context.defaultDevice { suffixes.append("device='\(device)'") }
    var contents = "[]"
    if elementCount == 0 {
      if rank != 1 {
        let sizes = shape.map(String.init).joined(separator: ", ")
        suffixes.append("size=(\(sizes))")
      }
      if dtype != Context.defaultDType { suffixes.append("dtype=torch.\(dtype)") }
    } else {
      let plain: [DType] = [Context.defaultDType, Context.defaultDType.complex, .int64, .bool]
      if !plain.contains(dtype) { suffixes.append("dtype=torch.\(dtype)") }
      contents = noGrad { Printout(self, options).text(indent: prefix.count) }
    }
    if let node = gradFn {
      suffixes.append("grad_fn=<\(backwardName(node.name))>")
    } else if requiresGrad {
      suffixes.append("requires_grad=True")
    }
    var text = prefix + contents
    var line =
      text.utf8.count
      - (text.utf8.lastIndex(of: UInt8(ascii: "\n")).map { end in
        text.utf8.distance(from: text.utf8.startIndex, to: end)
      } ?? -1) + 1
    for suffix in suffixes {
      if line + suffix.count + 2 > options.lineWidth {
        text += ",\n" + String(repeating: " ", count: prefix.count) + suffix
        line = prefix.count + suffix.count
      } else {
        text += ", " + suffix
        line += suffix.count + 2
      }
    }
    return text + ")"
  }

  /// `log_softmax` → `LogSoftmaxBackward0`, as PyTorch names the nodes of its graph.
  private func backwardName(_ name: String) -> String {
    let words = name.split(whereSeparator: { $0 == "_" || $0 == "." })
    return words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Backward0"
  }
}

/// The elements that are shown, and how.
private struct Printout {
  let options: PrintOptions
  /// Sizes of what is shown; in a dimension that is cut, the first and last items only.
  let shape: Shape
  let isCut: [Bool]
  private let words: [String]
  /// Characters that an element takes, with comma and blank.
  private let elementWidth: Int

  init(_ tensor: Tensor, _ options: PrintOptions) {
    self.options = options
    var shown = tensor.withoutHistory
    var isCut = [Bool](repeating: false, count: tensor.rank)
    if tensor.elementCount > options.threshold {
      let edge = options.edgeItems
      for d in 0..<tensor.rank where tensor.shape[d] > 2 * edge {
        isCut[d] = true
        shown = Tensor.cat(
          [
            shown.narrow(dim: d, start: 0, length: edge),
            shown.narrow(dim: d, start: tensor.shape[d] - edge, length: edge),
          ],
          dim: d)
      }
    }
    self.isCut = isCut
    shape = shown.shape
    switch tensor.dtype.category {
    case .bool:
      let texts = shown.scalars(Bool.self).map { $0 ? "True" : "False" }
      let format = NumberFormat(texts, options)
      words = texts.map(format.padded)
      elementWidth = format.width + 2
    case .integer:
      let texts =
        tensor.dtype == .uint64 ? shown.scalars(UInt64.self).map(String.init) : shown.scalars(Int.self).map(String.init)
      let format = NumberFormat(texts, options)
      words = texts.map(format.padded)
      elementWidth = format.width + 2
    case .floating:
      let values = shown.scalars(Double.self)
      let format = NumberFormat(values, options)
      words = values.map { format($0) }
      elementWidth = format.width + 2
    case .complex:
      let values = shown.scalars(Complex<Double>.self)
      let real = NumberFormat(values.map(\.real), options)
      let imaginary = NumberFormat(values.map(\.imaginary), options)
      words = values.map { value in
        let part = imaginary(value.imaginary).drop { $0 == " " }
        return real(value.real) + (part.hasPrefix("-") ? "" : "+") + part + "j"
      }
      elementWidth = real.width + imaginary.width + 3
    }
  }

  func text(indent: Int) -> String { shape.count == 0 ? words[0] : block(0, 0, indent) }

  /// The elements from `start` on of dimension `dim`; recursion is as deep as the rank.
  private func block(_ dim: Int, _ start: Int, _ indent: Int) -> String {
    let size = shape[dim]
    var items: [String]
    if dim == shape.count - 1 {
      items = Array(words[start..<start + size])
      if isCut[dim] { items.insert(options.edgeItems == 0 ? "..." : " ...", at: options.edgeItems) }
      let perLine = max(1, (options.lineWidth - indent) / elementWidth)
      let lines = stride(from: 0, to: items.count, by: perLine).map {
        items[$0..<min($0 + perLine, items.count)].joined(separator: ", ")
      }
      return "[" + lines.joined(separator: ",\n" + String(repeating: " ", count: indent + 1)) + "]"
    }
    let inner = shape[(dim + 1)...].reduce(1, *)
    items = (0..<size).map { block(dim + 1, start + $0 * inner, indent + 1) }
    if isCut[dim] { items.insert("...", at: options.edgeItems) }
    let separator =
      "," + String(repeating: "\n", count: shape.count - dim - 1) + String(repeating: " ", count: indent + 1)
    return "[" + items.joined(separator: separator) + "]"
  }
}
