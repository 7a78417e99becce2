import FlamebackCore

/// Parameters in a list. SeeAlso: torch.nn.ParameterList
public final class ParameterList: Module, RandomAccessCollection {
  private var elements: [ParameterCell]

  public init(_ parameters: [ParameterCell] = []) { elements = parameters }
  public convenience init(_ tensors: [Tensor]) { self.init(tensors.map { ParameterCell($0) }) }

  public override class var stateKeys: [String: String] { ["elements": ""] }
  public var startIndex: Int { 0 }
  public var endIndex: Int { elements.count }

  /// The values; assignment keeps the parameter and changes its value.
  public subscript(position: Int) -> Tensor {
    get { elements[position].tensor }
    set { elements[position].tensor = newValue }
  }

  /// SeeAlso: torch.nn.ParameterList.append
  public func append(_ tensor: Tensor) { elements.append(ParameterCell(tensor)) }

  public override var extraRepr: String {
    elements.enumerated().map { "  (\($0.offset)): \($0.element.summary)" }.joined(separator: "\n")
  }
}

extension ParameterCell {
  /// `Parameter containing: [torch.float32 of size 2x3]`
  var summary: String {
    let size = shape.isEmpty ? "" : " of size " + shape.map(String.init).joined(separator: "x")
    return "Parameter containing: [\(dtype)\(size)]"
  }
}
