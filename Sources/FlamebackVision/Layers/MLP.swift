import Flameback

/// Linear layers with norms, activations and dropout between them, as one sequence. SeeAlso: torchvision.ops.MLP
public func mlp(
  _ inChannels: Int, _ hiddenChannels: [Int], norm: ((Int) -> any UnaryLayer)? = nil,
  activation: () -> any UnaryLayer = { ReLU() }, bias: Bool = true, dropout: Double = 0
) -> Sequential {
  var layers: [any UnaryLayer] = []
  var width = inChannels
  for (i, next) in hiddenChannels.enumerated() {
    layers.append(Linear(width, next, bias: bias))
    if i < hiddenChannels.count - 1 {
      if let norm { layers.append(norm(next)) }
      layers.append(activation())
    }
    layers.append(Dropout(dropout))
    width = next
  }
  return Sequential(layers)
}

/// The dimensions in another order. SeeAlso: torchvision.ops.Permute
public final class Permute: Module, UnaryLayer {
  public let dims: [Int]
  public init(_ dims: [Int]) { self.dims = dims }
  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.permute(dims) } }
}
