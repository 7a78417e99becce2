import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// softmax(scale · q kᵀ + mask) v, this tensor being q: [..., heads, l, e], k [..., heads, s, e], v [..., heads, s, f].
  ///
  /// A bool mask tells where to look, a float one is added; a row that may look nowhere gives 0. `isCausal` looks at
  /// positions up to the own one. With `enableGQA` the keys' heads serve equally many neighbouring query heads.
  /// SeeAlso: torch.nn.functional.scaled_dot_product_attention
  public func scaledDotProductAttention(
    _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropout: Double = 0, isCausal: Bool = false,
    scale: Double? = nil, enableGQA: Bool = false
  ) -> Tensor {
    let op = "scaledDotProductAttention"
    return attempt(like: self) { () throws(OpError) in
      guard rank >= 2, key.rank >= 2, value.rank >= 2, key.shape[key.rank - 1] == shape[rank - 1],
        key.shape[key.rank - 2] == value.shape[value.rank - 2]
      else {
        throw OpError(op, "query, key and value do not fit: \(spec), \(key.spec), \(value.spec)")
      }
      guard dtype == key.dtype, dtype == value.dtype else {
        throw OpError(op, "query, key and value differ in dtype: \(spec), \(key.spec), \(value.spec)")
      }
      if isCausal && mask != nil { throw OpError(op, "isCausal cannot be combined with a mask") }
      var (query, key, value) = (self, key, value)
      let heads = enableGQA && rank >= 3 && key.rank >= 3 ? (shape[rank - 3], key.shape[key.rank - 3]) : (1, 1)
      if heads.0 != heads.1 {  // neighbouring queries share a key by broadcasting
        guard heads.1 > 0, heads.0 % heads.1 == 0, value.shape[value.rank - 3] == heads.1 else {
          throw OpError(op, "\(heads.0) query heads are no multiple of \(heads.1) key heads")
        }
        query = query.unflatten(-3, [heads.1, heads.0 / heads.1])
        key = key.unsqueeze(-3)
        value = value.unsqueeze(-3)
      }
      var bias: Tensor?
      if let mask { bias = try additive(mask, op) }
      if heads.0 != heads.1, let given = bias, given.rank >= 3 {
        bias =
          given.shape[given.rank - 3] == 1 ? given.unsqueeze(-3) : given.unflatten(-3, [heads.1, heads.0 / heads.1])
      }
      let inputs = [query, key, value] + (isCausal ? [] : [bias].compactMap { $0 })
      let attention = Primitives.FusedAttention(
        query.layout, key.shape, value.shape, scale: scale ?? 1 / Double(shape[rank - 1]).squareRoot(),
        isCausal: isCausal, recordsGradients: Context.isGradEnabled && inputs.contains(where: \.requiresGrad))
      let result: Tensor
      let isEmpty = key.elementCount == 0 || value.elementCount == 0
      if dropout > 0 || dtype.isComplex || bias?.requiresGrad == true || isEmpty {
        let weights = attention.weights(inputs)
        result = (dropout > 0 ? weights.dropout(dropout) : weights).matmul(value, op: op)
      } else {  // 16-bit numbers are computed in float32, as everywhere
        result = attention.headsFirst(apply(attention, inputs.map { $0.to(dtype.accumulation) })[0]).to(dtype)
      }
      return heads.0 == heads.1 ? result : result.flatten(startDim: -4, endDim: -3)
    }
  }

  /// scale · q kᵀ + bias in one product.
  func attentionScores(_ key: Tensor, bias: Tensor?, scale: Double, _ op: String) -> Tensor {
    let product = Primitives.MatrixMultiply(name: op, alpha: .float(scale))
    let turned = key.transpose(-2, -1)
    guard let bias else { return apply(product, self, turned) }
    let batch = Shape.broadcast(Shape(shape.dropLast(2)), Shape(key.shape.dropLast(2))) ?? Shape()
    let full = batch + [shape[rank - 2], key.shape[key.rank - 2]]
    if Shape.broadcast(bias.shape, full) == full { return apply(product, self, turned, bias) }
    return apply(product, self, turned) + bias
  }

  /// A mask as numbers to add: bool masks are true where one may look.
  private func additive(_ mask: Tensor, _ op: String) throws(OpError) -> Tensor {
    if mask.dtype == .bool {
      return Elementwise.select.call(
        [mask.operand, .scalar(0), .scalar(.float(-.infinity))], dtype: dtype)
    }
    guard mask.dtype.isFloatingPoint else {
      throw OpError(op, "the mask must be bool or floating point, got \(mask.spec)")
    }
    return mask.to(dtype)
  }

  /// 0 up to the own position, −∞ beyond.
  func causalBias(_ keys: Int) -> Tensor {
    Tensor.full([shape[rank - 2], keys], .float(-.infinity), dtype: dtype, device: device).triu(1)
  }
}

/// What `multiHeadAttention` is made of: the projections and what else belongs to the layer.
public struct MultiHeadAttentionWeights: Sendable {
  /// [3 e, e] for queries, keys and values together, or nil if they have matrices of their own.
  public var inProjection: Tensor?
  /// [e, e], [e, key size], [e, value size].
  public var query: Tensor?
  public var key: Tensor?
  public var value: Tensor?
  /// [3 e].
  public var inBias: Tensor?
  /// [1, 1, e]: one more key and value, learnt.
  public var keyBias: Tensor?
  public var valueBias: Tensor?
  public var outProjection: Tensor
  public var outBias: Tensor?

  public init(
    inProjection: Tensor? = nil, query: Tensor? = nil, key: Tensor? = nil, value: Tensor? = nil, inBias: Tensor? = nil,
    keyBias: Tensor? = nil, valueBias: Tensor? = nil, outProjection: Tensor, outBias: Tensor? = nil
  ) {
    self.inProjection = inProjection
    self.query = query
    self.key = key
    self.value = value
    self.inBias = inBias
    self.keyBias = keyBias
    self.valueBias = valueBias
    self.outProjection = outProjection
    self.outBias = outBias
  }

  /// Queries, keys and values, projected.
  fileprivate func project(_ q: Tensor, _ k: Tensor, _ v: Tensor) throws(OpError) -> [Tensor] {
    let e = q.shape[q.rank - 1]
    if let inProjection {
      if q.body === k.body, k.body === v.body {
        return q.linear(inProjection, inBias).split(e, dim: -1)
      }
      let biases = inBias?.split(e) ?? []
      let weights = inProjection.split(e)
      guard weights.count == 3 else {
        throw OpError("multiHeadAttention", "expected a projection of [\(3 * e), \(e)], got \(inProjection.spec)")
      }
      return zip([q, k, v], 0..<3).map { $0.linear(weights[$1], biases.isEmpty ? nil : biases[$1]) }
    }
    guard let query, let key, let value else {
      throw OpError("multiHeadAttention", "needs a projection: a common one, or one each for query, key and value")
    }
    let biases = inBias?.split(e) ?? []
    return zip([(q, query), (k, key), (v, value)], 0..<3).map { pair, i in
      pair.0.linear(pair.1, biases.isEmpty ? nil : biases[i])
    }
  }
}

/// Attention of several heads between projections of queries [l, n, e] (or [l, e]) and of keys and values [s, n, ...].
///
/// A bool mask is true where one may NOT look, as in PyTorch's layer; `keyPaddingMask` is [n, s], `mask` [l, s] or
/// [n · heads, l, s]. Returns the weights if they are wanted, averaged over the heads or one matrix a head.
/// SeeAlso: torch.nn.functional.multi_head_attention_forward
public func multiHeadAttention(
  _ query: Tensor, _ key: Tensor, _ value: Tensor, heads: Int, weights parameters: MultiHeadAttentionWeights,
  addZeroAttention: Bool = false, dropout: Double = 0, training: Bool = true, keyPaddingMask: Tensor? = nil,
  needWeights: Bool = true, mask: Tensor? = nil, isCausal: Bool = false, averageWeights: Bool = true,
  staticKey: Tensor? = nil, staticValue: Tensor? = nil
) -> (output: Tensor, weights: Tensor?) {
  let op = "multiHeadAttention"
  var attention: Tensor?
  let output = attempt(like: query) { () throws(OpError) in
    let isBatched = query.rank == 3
    guard isBatched || query.rank == 2, key.rank == query.rank, value.rank == query.rank else {
      throw OpError(op, "expected [l, n, e] or [l, e]: \(query.spec), \(key.spec), \(value.spec)")
    }
    if isCausal && mask == nil { throw OpError(op, "isCausal is a hint: it needs the mask too") }
    let isSelf = query.body === key.body && key.body === value.body
    let q = isBatched ? query : query.unsqueeze(1)
    let k = isSelf ? q : isBatched ? key : key.unsqueeze(1)
    let v = isSelf ? q : isBatched ? value : value.unsqueeze(1)
    let (length, batch, size) = (q.shape[0], q.shape[1], q.shape[2])
    guard heads > 0, size % heads == 0 else {
      throw OpError(op, "an embedding of \(size) does not divide into \(heads) heads")
    }
    guard k.shape[..<2].elementsEqual(v.shape[..<2]), k.shape[1] == batch else {
      throw OpError(op, "keys \(key.spec) and values \(value.spec) do not fit the queries \(query.spec)")
    }
    let headSize = size / heads
    var projected = try parameters.project(q, k, v)
    var extra = 0
    switch (parameters.keyBias, parameters.valueBias) {
    case (nil, nil): break
    case (let keyBias?, let valueBias?):
      guard staticKey == nil, staticValue == nil else { throw OpError(op, "static keys take no bias") }
      projected[1] = Tensor.cat([projected[1], keyBias.expand([1, batch, size])], dim: 0)
      projected[2] = Tensor.cat([projected[2], valueBias.expand([1, batch, size])], dim: 0)
      extra += 1
    default: throw OpError(op, "keyBias and valueBias come together")
    }
    // [t, n, e] seen as [n, heads, t, e / heads].
    var parts = projected.map { $0.reshape([$0.shape[0], batch, heads, headSize]).permute([1, 2, 0, 3]) }
    for (i, given) in [(1, staticKey), (2, staticValue)] {
      guard let given else { continue }
      guard given.rank == 3, given.shape[0] == batch * heads, given.shape[2] == headSize else {
        throw OpError(op, "expected [\(batch * heads), s, \(headSize)] as static key or value, got \(given.spec)")
      }
      parts[i] = given.reshape([batch, heads, given.shape[1], headSize])
    }
    if addZeroAttention {
      for i in 1...2 {
        parts[i] = Tensor.cat([parts[i], parts[i].newZeros([batch, heads, 1, headSize])], dim: 2)
      }
      extra += 1
    }
    let keys = parts[1].shape[2]
    var bias: Tensor?
    if let mask, !isCausal || keyPaddingMask != nil || needWeights {
      bias = try merged(mask, [length, keys - extra], [batch, heads], q.dtype, extra, op)
    }
    if let keyPaddingMask {
      let padding = isBatched ? keyPaddingMask : keyPaddingMask.unsqueeze(0)
      guard padding.shape == [batch, keys - extra] else {
        throw OpError(op, "expected [\(batch), \(keys - extra)] as keyPaddingMask, got \(keyPaddingMask.spec)")
      }
      let added = prohibition(padding, q.dtype).padded(extra).reshape([batch, 1, 1, keys])
      bias = bias.map { $0 + added } ?? added
    }
    let rate = training ? dropout : 0
    var result: Tensor
    if needWeights {
      let scale = 1 / Double(headSize).squareRoot()
      var weights = parts[0].attentionScores(parts[1], bias: bias, scale: scale, op).softmax(dim: -1)
      if rate > 0 { weights = weights.dropout(rate) }
      result = weights.matmul(parts[2], op: op)
      if averageWeights { weights = weights.mean(dim: 1) }
      attention = isBatched ? weights : weights.squeeze(0)
    } else {
      result = parts[0].scaledDotProductAttention(
        parts[1], parts[2], mask: bias, dropout: rate, isCausal: bias == nil && isCausal)
    }
    result = result.permute([2, 0, 1, 3]).reshape([length, batch, size])
      .linear(parameters.outProjection, parameters.outBias)
    return isBatched ? result : result.squeeze(1)
  }
  return (output, attention)
}

/// −∞ where a bool mask forbids; float masks as they are.
private func prohibition(_ mask: Tensor, _ dtype: DType) -> Tensor {
  guard mask.dtype == .bool else { return mask.to(dtype) }
  return Elementwise.select.call([mask.operand, .scalar(.float(-.infinity)), .scalar(0)], dtype: dtype)
}

/// An attention mask as numbers to add to [n, heads, l, s].
private func merged(
  _ mask: Tensor, _ size: [Int], _ batch: [Int], _ dtype: DType, _ extra: Int, _ op: String
) throws(OpError) -> Tensor {
  let bias = prohibition(mask, dtype).padded(extra)
  if mask.shape == Shape(size) { return bias }
  guard mask.shape == Shape([batch[0] * batch[1]] + size) else {
    throw OpError(op, "expected a mask of \(size) or of \([batch[0] * batch[1]] + size), got \(mask.spec)")
  }
  return bias.reshape(batch + [size[0], size[1] + extra])
}

extension Tensor {
  /// `count` zeros behind the last dimension.
  fileprivate func padded(_ count: Int) -> Tensor {
    count == 0 ? self : Tensor.cat([self, newZeros(shape.dropLast() + [count])], dim: -1)
  }
}
