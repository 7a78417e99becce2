import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// An encoder and a decoder. SeeAlso: torch.nn.Transformer
public final class Transformer: Module {
  public let dModel: Int
  public let batchFirst: Bool
  public let encoder: TransformerEncoder
  public let decoder: TransformerDecoder

  public init(
    dModel: Int = 512, nhead: Int = 8, numEncoderLayers: Int = 6, numDecoderLayers: Int = 6, dimFeedforward: Int = 2048,
    dropout: Double = 0.1, activation: @escaping (Tensor) -> Tensor = { $0.relu() },
    customEncoder: TransformerEncoder? = nil, customDecoder: TransformerDecoder? = nil, layerNormEps: Double = 1e-5,
    batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true
  ) {
    self.dModel = dModel
    self.batchFirst = batchFirst
    let configuration = TransformerConfiguration(
      dModel: dModel, nhead: nhead, dimFeedforward: dimFeedforward, dropout: dropout, activation: activation,
      layerNormEps: layerNormEps, batchFirst: batchFirst, normFirst: normFirst, bias: bias)
    encoder =
      customEncoder
      ?? TransformerEncoder(
        TransformerEncoderLayer(configuration), numLayers: numEncoderLayers, norm: configuration.norm())
    decoder =
      customDecoder
      ?? TransformerDecoder(
        TransformerDecoderLayer(configuration), numLayers: numDecoderLayers, norm: configuration.norm())
    super.init()
    for cell in parameters() where cell.shape.count > 1 { cell.tensor = Init.xavier(cell.shape.array) }
  }

  /// Masks are true (or -inf) where attention is forbidden.
  public func callAsFunction(
    _ source: Tensor, _ target: Tensor, sourceMask: Tensor? = nil, targetMask: Tensor? = nil, memoryMask: Tensor? = nil,
    sourceKeyPaddingMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil
  ) -> Tensor {
    let isBatched = source.rank == 3
    let batchDim = batchFirst ? 0 : 1
    guard source.rank == target.rank, !isBatched || source.shape[batchDim] == target.shape[batchDim],
      source.shape.last == dModel, target.shape.last == dModel
    else {
      return fail("Transformer", "source and target do not fit (\(dModel) features): \(source.spec) × \(target.spec)")
    }
    return call([source, target]) { inputs in
      let memory = encoder(inputs[0], mask: sourceMask, keyPaddingMask: sourceKeyPaddingMask)
      return [
        decoder(
          inputs[1], memory, targetMask: targetMask, memoryMask: memoryMask,
          targetKeyPaddingMask: targetKeyPaddingMask, memoryKeyPaddingMask: memoryKeyPaddingMask)
      ]
    }[0]
  }

  /// The mask with -inf above the diagonal: nobody looks ahead.
  /// SeeAlso: torch.nn.Transformer.generate_square_subsequent_mask
  public static func squareSubsequentMask(_ size: Int) -> Tensor {
    Tensor.full([size, size], .float(-.infinity)).triu(1)
  }
}
