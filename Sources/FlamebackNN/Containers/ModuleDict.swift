import FlamebackCore

/// Modules by name, in the order of insertion. SeeAlso: torch.nn.ModuleDict
public final class ModuleDict<Element: Module>: Module, ExpressibleByDictionaryLiteral {
  private var elements: Named<Element>

  public init(_ modules: Named<Element> = [:]) { elements = modules }
  public convenience init(dictionaryLiteral modules: (String, Element)...) { self.init(Named(modules)) }

  public override class var stateKeys: [String: String] { ["elements": ""] }

  /// The module of that name; assignment replaces or appends, nil removes.
  public subscript(name: String) -> Element? {
    get { elements[name] }
    set { elements[name] = newValue }
  }

  public var keys: [String] { elements.names }
  public var values: [Element] { elements.values }
}
