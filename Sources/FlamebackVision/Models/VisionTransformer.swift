import Flameback

/// Attention and two linear layers, each behind a norm and beside a shortcut.
/// SeeAlso: torchvision.models.vision_transformer.EncoderBlock
final class ViTBlock: Module, UnaryLayer {
  let ln1: LayerNorm
  let selfAttention: MultiheadAttention
  let dropout: Dropout
  let ln2: LayerNorm
  let mlp: Sequential

  override class var stateKeys: [String: String] { ["ln1": "ln_1", "ln2": "ln_2"] }

  init(heads: Int, dim: Int, mlpDim: Int, dropout: Double, attentionDropout: Double) {
    ln1 = LayerNorm([dim], eps: 1e-6)
    selfAttention = MultiheadAttention(dim, heads, dropout: attentionDropout, batchFirst: true)
    self.dropout = Dropout(dropout)
    ln2 = LayerNorm([dim], eps: 1e-6)
    let up = Linear(dim, mlpDim)
    let down = Linear(mlpDim, dim)
    mlp = Sequential(up, GELU(), Dropout(dropout), down, Dropout(dropout))
    for layer in [up, down] {
      Init.xavierUniform(&layer.weight)
      var bias = Tensor.zeros([layer.outFeatures])
      Init.normal(&bias, mean: 0, std: 1e-6)
      layer.bias = bias
    }
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = ln1(x)
    let x = dropout(selfAttention(y, y, y, needWeights: false).output) + x
    return x + mlp(ln2(x))
  }
}

/// The transformer of an image's patches. SeeAlso: torchvision.models.vision_transformer.Encoder
final class ViTEncoder: Module, UnaryLayer {
  @Parameter var posEmbedding: Tensor
  let dropout: Dropout
  let layers: Sequential
  let ln: LayerNorm

  init(length: Int, count: Int, heads: Int, dim: Int, mlpDim: Int, dropout: Double, attentionDropout: Double) {
    var positions = Tensor.empty([1, length, dim])
    Init.normal(&positions, mean: 0, std: 0.02)
    posEmbedding = positions
    self.dropout = Dropout(dropout)
    layers = Sequential(
      Named<any UnaryLayer>(
        (0..<count).map {
          (
            "encoder_layer_\($0)",
            ViTBlock(heads: heads, dim: dim, mlpDim: mlpDim, dropout: dropout, attentionDropout: attentionDropout)
          )
        }))
    ln = LayerNorm([dim], eps: 1e-6)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { ln(layers(dropout(x + posEmbedding))) }
}

/// An image as a sequence of patches. Input [N, 3, size, size], output [N, classes] logits.
/// SeeAlso: torchvision.models.VisionTransformer
public final class VisionTransformer: Module, UnaryLayer {
  @Parameter var classToken: Tensor
  let convProj: Conv2d
  let encoder: ViTEncoder
  let heads: Sequential
  let patchSize: Int
  let imageSize: Int

  public init(
    imageSize: Int = 224, patchSize: Int, numLayers: Int, numHeads: Int, hiddenDim: Int, mlpDim: Int,
    dropout: Double = 0, attentionDropout: Double = 0, numClasses: Int = 1000
  ) {
    (self.patchSize, self.imageSize) = (patchSize, imageSize)
    convProj = Conv2d(3, hiddenDim, kernelSize: patchSize, stride: patchSize)
    classToken = .zeros([1, 1, hiddenDim])
    let side = imageSize / patchSize
    encoder = ViTEncoder(
      length: side * side + 1, count: numLayers, heads: numHeads, dim: hiddenDim, mlpDim: mlpDim, dropout: dropout,
      attentionDropout: attentionDropout)
    let head = Linear(hiddenDim, numClasses)
    heads = Sequential(["head": head])
    super.init()
    Init.truncNormal(&convProj.weight, std: (1 / Double(3 * patchSize * patchSize)).squareRoot())
    convProj.bias = .zeros([hiddenDim])
    head.weight = .zerosLike(head.weight)
    head.bias = .zeros([numClasses])
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard x.rank == 4, x.shape[2] == imageSize, x.shape[3] == imageSize else {
      return fail("VisionTransformer", "expected images of \(imageSize) × \(imageSize), got \(x.spec)", like: x.spec)
    }
    let patches = convProj(x).flatten(startDim: 2).permute(0, 2, 1)
    let token = classToken.expand(x.shape[0], -1, -1)
    return heads(encoder(Tensor.cat([token, patches], dim: 1)).select(dim: 1, index: 0))
  }
}

/// SeeAlso: torchvision.models.vit_b_16
public func vitB16(numClasses: Int = 1000) -> VisionTransformer { vit(16, 12, 12, 768, 3072, numClasses) }
/// SeeAlso: torchvision.models.vit_b_32
public func vitB32(numClasses: Int = 1000) -> VisionTransformer { vit(32, 12, 12, 768, 3072, numClasses) }
/// SeeAlso: torchvision.models.vit_l_16
public func vitL16(numClasses: Int = 1000) -> VisionTransformer { vit(16, 24, 16, 1024, 4096, numClasses) }
/// SeeAlso: torchvision.models.vit_l_32
public func vitL32(numClasses: Int = 1000) -> VisionTransformer { vit(32, 24, 16, 1024, 4096, numClasses) }
/// SeeAlso: torchvision.models.vit_h_14
public func vitH14(numClasses: Int = 1000) -> VisionTransformer { vit(14, 32, 16, 1280, 5120, numClasses) }

private func vit(
  _ patch: Int, _ layers: Int, _ heads: Int, _ hidden: Int, _ mlp: Int, _ numClasses: Int
) -> VisionTransformer {
  VisionTransformer(
    patchSize: patch, numLayers: layers, numHeads: heads, hiddenDim: hidden, mlpDim: mlp, numClasses: numClasses)
}
