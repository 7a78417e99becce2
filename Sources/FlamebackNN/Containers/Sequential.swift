import FlamebackCore

/// Layers one after the other. SeeAlso: torch.nn.Sequential
///
///     Sequential(Linear(4, 8), ReLU(), Linear(8, 2))
///     Sequential(["hidden": Linear(4, 8), "act": ReLU(), "out": Linear(8, 2)])
public final class Sequential: Module, UnaryLayer, RandomAccessCollection {
  private var layers: Named<any UnaryLayer>

  public init(_ layers: Named<any UnaryLayer>) { self.layers = layers }
  public convenience init(_ layers: [any UnaryLayer]) {
    self.init(Named(layers.enumerated().map { ("\($0.offset)", $0.element) }))
  }
  public convenience init(_ layers: any UnaryLayer...) { self.init(layers) }

  public override class var stateKeys: [String: String] { ["layers": ""] }
  public var startIndex: Int { 0 }
  public var endIndex: Int { layers.count }
  public subscript(position: Int) -> any UnaryLayer {
    get { layers[position].value }
    set { layers[layers[position].name] = newValue }
  }

  /// The layer of that name.
  public subscript(name: String) -> (any UnaryLayer)? {
    get { layers[name] }
    set { layers[name] = newValue }
  }

  /// The layers in that range, shared with this one.
  public subscript(range: Range<Int>) -> Sequential {
    Sequential(Named(layers[range].map { ($0.name, $0.value) }))
  }

  /// SeeAlso: torch.nn.Sequential.append
  public func append(_ layer: any UnaryLayer) { layers["\(layers.count)"] = layer }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in layers.reduce(x) { $1.value($0) } }
  }
}
