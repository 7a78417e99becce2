import FlamebackCore

/// Modules in a list, called by the model as it likes; a plain array in a property does the same.
/// SeeAlso: torch.nn.ModuleList
public final class ModuleList<Element: Module>: Module, RandomAccessCollection {
  private var elements: [Element]

  public init(_ modules: [Element] = []) { elements = modules }

  public override class var stateKeys: [String: String] { ["elements": ""] }
  override var collapsesRepeats: Bool { true }
  public var startIndex: Int { 0 }
  public var endIndex: Int { elements.count }

  public subscript(position: Int) -> Element {
    get { elements[position] }
    set { elements[position] = newValue }
  }

  /// SeeAlso: torch.nn.ModuleList.append
  public func append(_ module: Element) { elements.append(module) }

  /// SeeAlso: torch.nn.ModuleList.extend
  public func append(contentsOf modules: some Sequence<Element>) { elements.append(contentsOf: modules) }

  /// SeeAlso: torch.nn.ModuleList.insert
  public func insert(_ module: Element, at position: Int) { elements.insert(module, at: position) }
}
