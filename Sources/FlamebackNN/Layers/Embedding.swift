import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A table of vectors, looked up by whole numbers. SeeAlso: torch.nn.Embedding
public final class Embedding: Module, UnaryLayer {
  public let numEmbeddings: Int
  public let embeddingDim: Int
  public let paddingIdx: Int?
  public let maxNorm: Double?
  public let normType: Double
  public let scaleGradByFreq: Bool
  public let sparse: Bool
  @Parameter public var weight: Tensor

  /// `paddingIdx`: a row that is zero at first and gets no gradient. `maxNorm`: rows longer than that are shortened
  /// when they are looked up. `sparse`: the gradient holds only the rows in use (`$weight.sparseGrad`, `SparseAdam`).
  public init(
    _ numEmbeddings: Int, _ embeddingDim: Int, paddingIdx: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scaleGradByFreq: Bool = false, sparse: Bool = false, weight: Tensor? = nil
  ) {
    self.numEmbeddings = numEmbeddings
    self.embeddingDim = embeddingDim
    self.paddingIdx = paddingIdx.map { $0 < 0 ? $0 &+ numEmbeddings : $0 }
    self.maxNorm = maxNorm
    self.normType = normType
    self.scaleGradByFreq = scaleGradByFreq
    self.sparse = sparse
    if let weight {
      self.weight = weight
    } else {
      var table = Init.normal([max(numEmbeddings, 0), max(embeddingDim, 0)])
      if let row = self.paddingIdx, row >= 0, row < numEmbeddings {
        table = table.indexFill(dim: 0, index: Tensor([row], shape: [1]), value: 0)
      }
      self.weight = table
    }
    super.init()
    if numEmbeddings < 0 || embeddingDim < 0 {
      report(OpError("Embedding", "sizes must not be negative, got \(numEmbeddings) and \(embeddingDim)"))
    }
    if let row = self.paddingIdx, row < 0 || row >= numEmbeddings {
      report(OpError("Embedding", "paddingIdx \(row) must be within \(numEmbeddings) embeddings"))
    }
    if let weight, weight.shape != [numEmbeddings, embeddingDim] {
      report(OpError("Embedding", "weight is \(weight.spec), expected [\(numEmbeddings), \(embeddingDim)]"))
    }
  }

  /// A layer over a given table; frozen unless `freeze` is false. SeeAlso: torch.nn.Embedding.from_pretrained
  public static func fromPretrained(_ weight: Tensor, freeze: Bool = true, paddingIdx: Int? = nil) -> Embedding {
    let layer = Embedding(weight.shape[0], weight.shape[1], paddingIdx: paddingIdx, weight: weight)
    layer.$weight.requiresGrad = !freeze
    return layer
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in
      if let maxNorm { weight = weight.renormalizingRows(x, maxNorm: maxNorm, normType: normType) }
      return x.embedding(weight, paddingIdx: paddingIdx, scaleGradByFreq: scaleGradByFreq, sparse: sparse)
    }
  }

  public override var extraRepr: String {
    var text = "\(numEmbeddings), \(embeddingDim)"
    if let paddingIdx { text += ", padding_idx=\(paddingIdx)" }
    if let maxNorm { text += ", max_norm=\(repr(maxNorm))" }
    if normType != 2 { text += ", norm_type=\(repr(normType))" }
    if scaleGradByFreq { text += ", scale_grad_by_freq=True" }
    if sparse { text += ", sparse=True" }
    return text
  }
}

/// Sums, means or maxima of groups of table rows. SeeAlso: torch.nn.EmbeddingBag
public final class EmbeddingBag: Module, UnaryLayer {
  public let numEmbeddings: Int
  public let embeddingDim: Int
  public let maxNorm: Double?
  public let normType: Double
  public let scaleGradByFreq: Bool
  public let mode: BagMode
  public let includeLastOffset: Bool
  public let paddingIdx: Int?
  public let sparse: Bool
  @Parameter public var weight: Tensor

  public init(
    _ numEmbeddings: Int, _ embeddingDim: Int, maxNorm: Double? = nil, normType: Double = 2,
    scaleGradByFreq: Bool = false, mode: BagMode = .mean, sparse: Bool = false, weight: Tensor? = nil,
    includeLastOffset: Bool = false,
    paddingIdx: Int? = nil
  ) {
    self.numEmbeddings = numEmbeddings
    self.embeddingDim = embeddingDim
    self.maxNorm = maxNorm
    self.normType = normType
    self.scaleGradByFreq = scaleGradByFreq
    self.mode = mode
    self.sparse = sparse
    self.includeLastOffset = includeLastOffset
    self.paddingIdx = paddingIdx.map { $0 < 0 ? $0 &+ numEmbeddings : $0 }
    let table = Embedding(numEmbeddings, embeddingDim, paddingIdx: paddingIdx, weight: weight)
    self.weight = table.weight
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { callAsFunction(x, nil) }

  /// `offsets`: where the groups of a vector begin; the rows of a matrix are groups already.
  public func callAsFunction(_ x: Tensor, _ offsets: Tensor?, perSampleWeights: Tensor? = nil) -> Tensor {
    call([x]) { inputs in
      if let maxNorm { weight = weight.renormalizingRows(inputs[0], maxNorm: maxNorm, normType: normType) }
      return [
        inputs[0].embeddingBag(
          weight, offsets: offsets, scaleGradByFreq: scaleGradByFreq, mode: mode, perSampleWeights: perSampleWeights,
          includeLastOffset: includeLastOffset, paddingIdx: paddingIdx, sparse: sparse)
      ]
    }[0]
  }

  public override var extraRepr: String {
    var text = "\(numEmbeddings), \(embeddingDim)"
    if let maxNorm { text += ", max_norm=\(repr(maxNorm))" }
    if normType != 2 { text += ", norm_type=\(repr(normType))" }
    if scaleGradByFreq { text += ", scale_grad_by_freq=True" }
    text += ", mode=\(repr(mode.rawValue))"
    if let paddingIdx { text += ", padding_idx=\(paddingIdx)" }
    return text
  }
}
