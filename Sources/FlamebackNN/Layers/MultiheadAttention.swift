import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Attention with several heads over projected queries, keys and values. SeeAlso: torch.nn.MultiheadAttention
public final class MultiheadAttention: Module {
  public let embedDim: Int
  public let numHeads: Int
  public let dropout: Double
  public let batchFirst: Bool
  public let kdim: Int
  public let vdim: Int
  private let addZeroAttn: Bool
  @Parameter public var inProjWeight: Tensor?
  @Parameter public var qProjWeight: Tensor?
  @Parameter public var kProjWeight: Tensor?
  @Parameter public var vProjWeight: Tensor?
  @Parameter public var inProjBias: Tensor?
  @Parameter public var biasK: Tensor?
  @Parameter public var biasV: Tensor?
  public let outProj: Linear

  public init(
    _ embedDim: Int, _ numHeads: Int, dropout: Double = 0, bias: Bool = true, addBiasKV: Bool = false,
    addZeroAttn: Bool = false, kdim: Int? = nil, vdim: Int? = nil, batchFirst: Bool = false
  ) {
    self.embedDim = embedDim
    self.numHeads = numHeads
    self.dropout = dropout
    self.batchFirst = batchFirst
    self.kdim = kdim ?? embedDim
    self.vdim = vdim ?? embedDim
    self.addZeroAttn = addZeroAttn
    let isSized = max(embedDim, self.kdim, self.vdim) < 1 << 40
    let width = isSized ? max(embedDim, 1) : 1
    outProj = Linear(width, width, bias: bias)
    super.init()
    guard isSized else {
      report(OpError("MultiheadAttention", "weights for \(embedDim) features have too many elements"))
      return
    }
    guard embedDim > 0, numHeads > 0, embedDim % numHeads == 0 else {
      let message = "embedDim must be a positive multiple of numHeads, got \(embedDim) and \(numHeads)"
      report(OpError("MultiheadAttention", message))
      return
    }
    if self.kdim == embedDim && self.vdim == embedDim {
      inProjWeight = Init.xavier([3 * embedDim, embedDim])
    } else {
      qProjWeight = Init.xavier([embedDim, embedDim])
      kProjWeight = Init.xavier([embedDim, self.kdim])
      vProjWeight = Init.xavier([embedDim, self.vdim])
    }
    if bias {
      inProjBias = .zeros([3 * embedDim])
      outProj.bias = .zeros([embedDim])
    }
    if addBiasKV {
      biasK = Init.xavierNormal([1, 1, embedDim])
      biasV = Init.xavierNormal([1, 1, embedDim])
    }
  }

  public override class var stateKeys: [String: String] {
    ["biasK": "bias_k", "biasV": "bias_v"]
  }

  /// Attends. Masks are true (or -inf) where attention is forbidden.
  ///
  /// - Parameters:
  ///   - query, key, value: [length, batch, features], with `batchFirst` [batch, length, features], or [length, features].
  ///   - keyPaddingMask: [batch, source length].
  ///   - attnMask: [target, source] or [batch · heads, target, source].
  /// - Returns: the output, and the weights if wanted, averaged over the heads unless told otherwise.
  public func callAsFunction(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, keyPaddingMask: Tensor? = nil, needWeights: Bool = true,
    attnMask: Tensor? = nil, averageAttnWeights: Bool = true, isCausal: Bool = false
  ) -> (output: Tensor, weights: Tensor?) {
    if isCausal && attnMask == nil {
      return (fail("MultiheadAttention", "isCausal is a hint about attnMask and needs one", like: query.spec), nil)
    }
    let result = call([query, key, value]) { inputs in
      let (output, weights) = attend(
        inputs[0], inputs[1], inputs[2], keyPaddingMask, attnMask, needWeights: needWeights,
        averages: averageAttnWeights)
      return weights.map { [output, $0] } ?? [output]
    }
    return (result[0], result.count > 1 ? result[1] : nil)
  }

  private func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, _ keyPaddingMask: Tensor?, _ attnMask: Tensor?, needWeights: Bool,
    averages: Bool
  ) -> (Tensor, Tensor?) {
    func wrong(_ message: String) -> (Tensor, Tensor?) {
      (fail("MultiheadAttention", message, like: query.spec), needWeights ? .poisoned(query.spec) : nil)
    }
    let isBatched = query.rank == 3
    guard query.rank == 2 || isBatched, key.rank == query.rank, value.rank == query.rank else {
      return wrong("query, key and value must all have rank 2 or 3: \(query.spec) × \(key.spec) × \(value.spec)")
    }
    guard query.shape.last == embedDim, key.shape.last == kdim, value.shape.last == vdim,
      key.shape.dropLast().elementsEqual(value.shape.dropLast())
    else {
      return wrong(
        "expected \(embedDim), \(kdim) and \(vdim) features: \(query.spec) × \(key.spec) × \(value.spec)")
    }
    // [length, batch, features]
    func arranged(_ x: Tensor) -> Tensor { !isBatched ? x.unsqueeze(1) : batchFirst ? x.transpose(0, 1) : x }
    let isSelf = query.body === key.body && key.body === value.body
    let (q, k, v) = projected(arranged(query), arranged(key), arranged(value), isSelf: isSelf)
    let target = q.shape[0]
    let batch = q.shape[1]
    guard k.shape[1] == batch else { return wrong("batch sizes differ: \(query.spec) × \(key.spec)") }
    let source = arranged(key).shape[0]
    let heads = batch * numHeads
    if let attnMask {
      let isPlain = attnMask.rank == 2 && attnMask.shape == [target, source]
      guard isPlain || attnMask.shape == [heads, target, source] else {
        return wrong("attnMask \(attnMask.spec) must be [\(target), \(source)] or [\(heads), \(target), \(source)]")
      }
    }
    if let keyPaddingMask, keyPaddingMask.shape != (isBatched ? [batch, source] : [source]) {
      return wrong("keyPaddingMask \(keyPaddingMask.spec) must be [\(batch), \(source)]")
    }
    for mask in [attnMask, keyPaddingMask] {
      if let mask, mask.dtype != .bool, !mask.dtype.isFloatingPoint {
        return wrong("masks must be bool or floating point, got \(mask.spec)")
      }
    }

    let headDim = embedDim / numHeads
    func split(_ x: Tensor) -> Tensor { x.contiguous().view([x.shape[0], heads, headDim]).transpose(0, 1) }
    var keys = split(k)
    var values = split(v)
    if addZeroAttn {
      let zero = Tensor.zeros([heads, 1, headDim], dtype: keys.dtype, device: keys.device)
      keys = Tensor.cat([keys, zero], dim: 1)
      values = Tensor.cat([values, zero], dim: 1)
    }
    let extra = keys.shape[1] - source
    func additive(_ mask: Tensor) -> Tensor {
      var mask = mask
      if mask.dtype == .bool {
        mask = Tensor.zeros(mask.shape, dtype: query.dtype, device: mask.device).maskedFill(mask, -Double.infinity)
      }
      return extra > 0 ? mask.constantPad([0, extra]) : mask
    }
    var mask = attnMask.map { additive($0) }.map { $0.rank == 2 ? $0.unsqueeze(0) : $0 }
    if let keyPaddingMask {
      let padding = additive(isBatched ? keyPaddingMask : keyPaddingMask.unsqueeze(0))
        .view([batch, 1, 1, source + extra]).expand([batch, numHeads, 1, source + extra])
        .reshape([heads, 1, source + extra])
      mask = mask.map { $0 + padding } ?? padding
    }

    let p = isTraining ? dropout : 0
    var output: Tensor
    var weights: Tensor?
    if needWeights {
      let scaled = split(q) * (1 / Double(headDim)).squareRoot()
      var scores = scaled.bmm(keys.transpose(1, 2))
      if let mask { scores = scores + mask }
      var probabilities = scores.softmax(dim: -1)
      if p > 0 { probabilities = probabilities.dropout(p, training: true) }
      output = probabilities.bmm(values)
      weights = probabilities.view([batch, numHeads, target, source + extra])
    } else {
      func grouped(_ x: Tensor) -> Tensor { x.unflatten(0, [batch, numHeads]) }
      let groupedMask = mask.map { $0.shape[0] == 1 ? $0.unsqueeze(0) : grouped($0) }
      output = grouped(split(q)).scaledDotProductAttention(
        grouped(keys), grouped(values), mask: groupedMask, dropout: p
      ).flatten(startDim: 0, endDim: 1)
    }
    output = outProj(output.transpose(0, 1).reshape([target, batch, embedDim]))
    if averages { weights = weights?.mean(dim: 1) }
    if !isBatched { return (output.squeeze(1), weights?.squeeze(0)) }
    return (batchFirst ? output.transpose(0, 1) : output, weights)
  }

  /// The three projections, with one product where inputs are the same tensor.
  private func projected(_ q: Tensor, _ k: Tensor, _ v: Tensor, isSelf: Bool) -> (Tensor, Tensor, Tensor) {
    var result: (Tensor, Tensor, Tensor)
    if let weight = inProjWeight, isSelf {
      let parts = q.linear(weight, inProjBias).chunk(3, dim: -1)
      result = (parts[0], parts[1], parts[2])
    } else {
      let weights = inProjWeight?.chunk(3, dim: 0) ?? [qProjWeight!, kProjWeight!, vProjWeight!]
      let biases = inProjBias?.chunk(3, dim: 0)
      result = (
        q.linear(weights[0], biases?[0]), k.linear(weights[1], biases?[1]), v.linear(weights[2], biases?[2])
      )
    }
    if let biasK, let biasV {
      let batch = result.1.shape[1]
      result.1 = Tensor.cat([result.1, biasK.expand([1, batch, embedDim])])
      result.2 = Tensor.cat([result.2, biasV.expand([1, batch, embedDim])])
    }
    return result
  }
}
