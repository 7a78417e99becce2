import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Self-attention, attention to a memory, two linear layers. SeeAlso: torch.nn.TransformerDecoderLayer
public final class TransformerDecoderLayer: Module, CopyableModule {
  private let configuration: TransformerConfiguration
  public let selfAttn: MultiheadAttention
  public let multiheadAttn: MultiheadAttention
  public let linear1: Linear
  public let dropout: Dropout
  public let linear2: Linear
  public let norm1: LayerNorm
  public let norm2: LayerNorm
  public let norm3: LayerNorm
  public let dropout1: Dropout
  public let dropout2: Dropout
  public let dropout3: Dropout

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
    multiheadAttn = c.attention()
    linear1 = Linear(c.dModel, c.dimFeedforward, bias: c.bias)
    dropout = Dropout(c.dropout)
    linear2 = Linear(c.dimFeedforward, c.dModel, bias: c.bias)
    norm1 = c.norm()
    norm2 = c.norm()
    norm3 = c.norm()
    dropout1 = Dropout(c.dropout)
    dropout2 = Dropout(c.dropout)
    dropout3 = Dropout(c.dropout)
  }

  public func sibling() -> TransformerDecoderLayer { TransformerDecoderLayer(configuration) }

  /// Masks are true (or -inf) where attention is forbidden.
  public func callAsFunction(
    _ target: Tensor, _ memory: Tensor, targetMask: Tensor? = nil, memoryMask: Tensor? = nil,
    targetKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil
  ) -> Tensor {
    call([target, memory]) { inputs in
      func attend(_ x: Tensor) -> Tensor {
        dropout1(
          selfAttn(x, x, x, keyPaddingMask: targetKeyPaddingMask, needWeights: false, attnMask: targetMask).output)
      }
      func look(_ x: Tensor) -> Tensor {
        let memory = inputs[1]
        return dropout2(
          multiheadAttn(
            x, memory, memory, keyPaddingMask: memoryKeyPaddingMask, needWeights: false, attnMask: memoryMask
          ).output)
      }
      func feedForward(_ x: Tensor) -> Tensor { dropout3(linear2(dropout(configuration.activation(linear1(x))))) }
      var x = inputs[0]
      if configuration.normFirst {
        x = x + attend(norm1(x))
        x = x + look(norm2(x))
        return [x + feedForward(norm3(x))]
      }
      x = norm1(x + attend(x))
      x = norm2(x + look(x))
      return [norm3(x + feedForward(x))]
    }[0]
  }
}

/// Decoder layers one after the other. SeeAlso: torch.nn.TransformerDecoder
public final class TransformerDecoder: Module {
  public let layers: [TransformerDecoderLayer]
  public let norm: LayerNorm?

  /// `layer` is the model of the `numLayers` copies that are made of it.
  public init(_ layer: TransformerDecoderLayer, numLayers: Int, norm: LayerNorm? = nil) {
    layers = (0..<numLayers).map { _ in layer.copy() }
    self.norm = norm
  }

  /// Masks are true (or -inf) where attention is forbidden.
  public func callAsFunction(
    _ target: Tensor, _ memory: Tensor, targetMask: Tensor? = nil, memoryMask: Tensor? = nil,
    targetKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil
  ) -> Tensor {
    call([target, memory]) { inputs in
      let x = layers.reduce(inputs[0]) {
        $1(
          $0, inputs[1], targetMask: targetMask, memoryMask: memoryMask, targetKeyPaddingMask: targetKeyPaddingMask,
          memoryKeyPaddingMask: memoryKeyPaddingMask)
      }
      return [norm.map { $0(x) } ?? x]
    }[0]
  }
}
