import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A module that can be made again with the same values: what stacks of layers are made of.
public protocol CopyableModule: Module {
  /// A layer of the same kind; its values are replaced.
  func sibling() -> Self
}

extension CopyableModule {
  /// A module of its own with equal values. SeeAlso: copy.deepcopy of a torch.nn.Module
  public func copy() -> Self {
    let copy = skipInit { sibling() }
    let cells = Dictionary(uniqueKeysWithValues: copy.namedState.map { ($0.name, $0.cell) })
    for (name, cell) in namedState { cells[name]?.tensor = cell.tensor.detached() }
    copy.train(isTraining)
    return copy
  }
}

/// Self-attention, then two linear layers, each with a shortcut and a norm. SeeAlso: torch.nn.TransformerEncoderLayer
public final class TransformerEncoderLayer: Module, CopyableModule, UnaryLayer {
  private let configuration: TransformerConfiguration
  public let selfAttn: MultiheadAttention
  public let linear1: Linear
  public let dropout: Dropout
  public let linear2: Linear
  public let norm1: LayerNorm
  public let norm2: LayerNorm
  public let dropout1: Dropout
  public let dropout2: Dropout

  public convenience init(
    _ dModel: Int, _ nhead: Int, dimFeedforward: Int = 2048, dropout: Double = 0.1,
    activation: @escaping (Tensor) -> Tensor = { $0.relu() }, layerNormEps: Double = 1e-5, batchFirst: Bool = false,
    normFirst: Bool = false, bias: Bool = true
  ) {
    self.init(
      TransformerConfiguration(
        dModel: dModel, nhead: nhead, dimFeedforward: dimFeedforward, dropout: dropout, activation: activation,
        layerNormEps: layerNormEps, batchFirst: batchFirst, normFirst: normFirst, bias: bias))
  }

  init(_ c: TransformerConfiguration) {
    configuration = c
    selfAttn = c.attention()
    linear1 = Linear(c.dModel, c.dimFeedforward, bias: c.bias)
    dropout = Dropout(c.dropout)
    linear2 = Linear(c.dimFeedforward, c.dModel, bias: c.bias)
    norm1 = c.norm()
    norm2 = c.norm()
    dropout1 = Dropout(c.dropout)
    dropout2 = Dropout(c.dropout)
  }

  public func sibling() -> TransformerEncoderLayer { TransformerEncoderLayer(configuration) }

  public func callAsFunction(_ x: Tensor) -> Tensor { callAsFunction(x, mask: nil) }

  /// Masks are true (or -inf) where attention is forbidden.
  public func callAsFunction(
    _ source: Tensor, mask: Tensor?, keyPaddingMask: Tensor? = nil, isCausal: Bool = false
  ) -> Tensor {
    call(source) { x in
      func attend(_ x: Tensor) -> Tensor {
        dropout1(selfAttn(x, x, x, keyPaddingMask: keyPaddingMask, needWeights: false, attnMask: mask).output)
      }
      func feedForward(_ x: Tensor) -> Tensor { dropout2(linear2(dropout(configuration.activation(linear1(x))))) }
      if configuration.normFirst {
        let x = x + attend(norm1(x))
        return x + feedForward(norm2(x))
      }
      let x = norm1(x + attend(x))
      return norm2(x + feedForward(x))
    }
  }
}

/// What the layers of a transformer are made from.
struct TransformerConfiguration {
  let dModel: Int
  let nhead: Int
  let dimFeedforward: Int
  let dropout: Double
  let activation: (Tensor) -> Tensor
  let layerNormEps: Double
  let batchFirst: Bool
  let normFirst: Bool
  let bias: Bool

  func attention() -> MultiheadAttention {
    MultiheadAttention(dModel, nhead, dropout: dropout, bias: bias, batchFirst: batchFirst)
  }

  func norm() -> LayerNorm { LayerNorm(dModel, eps: layerNormEps, bias: bias) }
}

/// Encoder layers one after the other. SeeAlso: torch.nn.TransformerEncoder
public final class TransformerEncoder: Module, UnaryLayer {
  public let layers: [TransformerEncoderLayer]
  public let norm: LayerNorm?

  /// `layer` is the model of the `numLayers` copies that are made of it.
  public init(_ layer: TransformerEncoderLayer, numLayers: Int, norm: LayerNorm? = nil) {
    layers = (0..<numLayers).map { _ in layer.copy() }
    self.norm = norm
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { callAsFunction(x, mask: nil) }

  /// Masks are true (or -inf) where attention is forbidden.
  public func callAsFunction(
    _ source: Tensor, mask: Tensor?, keyPaddingMask: Tensor? = nil, isCausal: Bool? = nil
  ) -> Tensor {
    call(source) { x in
      let x = layers.reduce(x) { $1($0, mask: mask, keyPaddingMask: keyPaddingMask) }
      return norm.map { $0(x) } ?? x
    }
  }
}
