import FlamebackCore

/// Parameters by name, in the order of insertion. SeeAlso: torch.nn.ParameterDict
public final class ParameterDict: Module, ExpressibleByDictionaryLiteral {
  private var elements: Named<ParameterCell>

  public init(_ parameters: Named<ParameterCell> = [:]) { elements = parameters }
  public convenience init(dictionaryLiteral tensors: (String, Tensor)...) {
    self.init(Named(tensors.map { ($0.0, ParameterCell($0.1)) }))
  }

  public override class var stateKeys: [String: String] { ["elements": ""] }

  /// The value of that name; assignment keeps the parameter or appends one, nil removes it.
  public subscript(name: String) -> Tensor? {
    get { elements[name]?.tensor }
    set {
      if let newValue, let cell = elements[name] {
        cell.tensor = newValue
      } else {
        elements[name] = newValue.map { ParameterCell($0) }
      }
    }
  }

  public var keys: [String] { elements.names }

  public override var extraRepr: String {
    elements.map { "  (\($0.name)): \($0.value.summary)" }.joined(separator: "\n")
  }
}
