import CKernels
import FlamebackCore
import FlamebackKernels

/// How an embedding bag's rows become one. SeeAlso: torch.nn.functional.embedding_bag
public enum BagMode: String, Sendable {
  case sum, mean, max
}

extension Tensor {
  /// The rows of `weight` that these integers name, as a new last dimension.
  ///
  /// The row `paddingIdx` receives no gradient; with `scaleGradByFreq` a row's gradient is divided by how often it occurs.
  /// With `sparse`, `backward` leaves only the rows that were used in a leaf `weight` (`grad(of:wrt:)` sees nothing of it).
  /// SeeAlso: torch.nn.functional.embedding
  public func embedding(
    _ weight: Tensor, paddingIdx: Int? = nil, scaleGradByFreq: Bool = false, sparse: Bool = false
  ) -> Tensor {
    attempt(like: weight) { () throws(OpError) in
      guard weight.rank == 2 else { throw OpError("embedding", "weight must be a matrix, got \(weight.spec)") }
      let padding = try weight.checkedPadding(paddingIdx)
      let index = try asIndex("embedding").reshape(-1)
      let lookup = Primitives.Embedding(padding: padding, scalesByFrequency: scaleGradByFreq, count: weight.shape[0])
      guard sparse, let slot = weight.body.slot, Context.isGradEnabled else {
        return apply(lookup, weight, index).reshaped(shape + [weight.shape[1]])
      }
      if scaleGradByFreq { throw OpError("embedding", "scaleGradByFreq cannot be had with sparse gradients") }
      let rows = apply(lookup, weight.withoutHistory, index).requiringGrad()
      let size = weight.shape
      _ = rows.body.slot?.addAccumulationHook { [weak slot] gradient in
        var (places, values) = (index, gradient)
        if let padding {
          let kept = (index .!= padding).nonzero().reshape(-1)
          (places, values) = (index.indexSelect(dim: 0, index: kept), gradient.indexSelect(dim: 0, index: kept))
        }
        slot?.accumulate(
          SparseTensor(unchecked: places.unsqueeze(0), values: values, shape: size, isCoalesced: false))
      }
      return rows.reshaped(shape + [weight.shape[1]])
    }
  }

  private func checkedPadding(_ index: Int?) throws(OpError) -> Int? {
    guard let index else { return nil }
    guard index >= -shape[0] && index < shape[0] else {
      throw OpError("embedding", "paddingIdx \(index) is out of range for \(shape[0]) rows")
    }
    return index < 0 ? index + shape[0] : index
  }

  /// An embedding matrix whose rows named by `indices` have at most norm `maxNorm`.
  /// SeeAlso: the max_norm argument of torch.nn.functional.embedding
  public func renormalizingRows(_ indices: Tensor, maxNorm: Double, normType: Double = 2) -> Tensor {
    let used = indices.reshape(-1).unique()
    let rows = withoutHistory.indexSelect(dim: 0, index: used)
    let norms =
      normType == 2
      ? rows.square().summed(to: [rows.shape[0], 1]).sqrt()
      : rows.abs().pow(normType).summed(to: [rows.shape[0], 1]).pow(1 / normType)
    let factors = FlamebackOps.select(where: norms .> maxNorm, (norms + 1e-7).reciprocal() * maxNorm, 1.0)
    return noGrad { withoutHistory.indexCopy(dim: 0, index: used, source: (rows * factors).to(dtype)) }
  }

  /// Sums, means or maxima of groups of embedding rows. 1-d input: groups start at `offsets` (with `includeLastOffset` the
  /// last one is the end); 2-d input: a group a row. SeeAlso: torch.nn.functional.embedding_bag
  public func embeddingBag(
    _ weight: Tensor, offsets: Tensor? = nil, scaleGradByFreq: Bool = false, mode: BagMode = .mean,
    perSampleWeights: Tensor? = nil, includeLastOffset: Bool = false, paddingIdx: Int? = nil, sparse: Bool = false
  ) -> Tensor {
    attempt(like: weight) { () throws(OpError) in
      guard weight.rank == 2 else { throw OpError("embeddingBag", "weight must be a matrix, got \(weight.spec)") }
      guard rank == 2 && offsets == nil || rank == 1 && offsets?.rank == 1 else {
        throw OpError("embeddingBag", "expects a matrix, or a vector with a vector of offsets, got \(spec)")
      }
      guard perSampleWeights == nil || (mode == .sum && perSampleWeights!.shape == shape) else {
        throw OpError("embeddingBag", "perSampleWeights need mode sum and the shape \(shape)")
      }
      let padding = try weight.checkedPadding(paddingIdx)
      let (groups, count) = try bagOfEach(offsets, includeLastOffset)
      var index = try asIndex("embeddingBag").reshape(-1)
      var weights = perSampleWeights?.reshape(-1)
      var bags = groups
      if let padding {
        let kept = index.scalars(Int.self).enumerated().filter { $0.element != padding }.map(\.offset)
        let places = Tensor(kept, shape: [kept.count], device: device)
        index = index.indexSelect(dim: 0, index: places)
        weights = weights?.indexSelect(dim: 0, index: places)
        bags = kept.map { groups[$0] }
      }
      let bag = Tensor(bags, shape: [bags.count], device: device)
      var rows = index.embedding(weight, scaleGradByFreq: scaleGradByFreq, sparse: sparse)
      if let weights { rows = rows * weights.unsqueeze(1) }
      let zeros = Tensor.zeros([count, weight.shape[1]], dtype: rows.dtype, device: device)
      switch mode {
      case .sum: return zeros.indexAdd(dim: 0, index: bag, source: rows)
      case .mean: return zeros.indexReduce(dim: 0, index: bag, source: rows, reduce: .mean, includeSelf: false)
      case .max: return zeros.indexReduce(dim: 0, index: bag, source: rows, reduce: .amax, includeSelf: false)
      }
    }
  }

  /// The bag of each flattened element, and the number of bags.
  private func bagOfEach(_ offsets: Tensor?, _ includesLast: Bool) throws(OpError) -> (bags: [Int], count: Int) {
    guard let offsets else { return ((0..<elementCount).map { $0 / shape[1] }, shape[0]) }
    let starts = offsets.scalars(Int.self)
    let count = includesLast ? starts.count - 1 : starts.count
    guard starts.first ?? 0 == 0, starts.allSatisfy({ $0 >= 0 && $0 <= elementCount }), count >= 0,
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw OpError("embeddingBag", "offsets must ascend from 0 to at most \(elementCount): \(starts)") }
    var bags = [Int](repeating: 0, count: elementCount)
    for i in 0..<count {
      for place in starts[i]..<(i + 1 < starts.count ? starts[i + 1] : elementCount) { bags[place] = i }
    }
    return (bags, count)
  }
}

extension Primitives {
  /// Rows of a matrix by number. Inputs: weight, index.
  package struct Embedding: Primitive {
    package static let name = "embedding"
    package let padding: Int?
    package let scalesByFrequency: Bool
    package let count: Int

    package var attributes: [(String, String)] {
      [("paddingIdx", padding.map { "\($0)" } ?? "none"), ("scaleGradByFreq", "\(scalesByFrequency)")]
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [
        TensorSpec(
          shape: [inputs[1].shape[0], inputs[0].shape[1]], dtype: inputs[0].dtype, device: inputs[0].device)
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (weight, index) = (inputs[0], inputs[1])
      let rows = Int64(index.elementCount)
      let (n, inner) = (Int64(weight.shape[0]), Int64(weight.shape[1]))
      for i in 0..<index.elementCount where index.int64s[i] < 0 || index.int64s[i] >= n {
        throw OpError("embedding", "index \(index.int64s[i]) is out of range for \(n) rows")
      }
      _ = runChecked(rows, grain: max(1, 16384 / max(Int(inner), 1))) { begin, end in
        fb_index_select(
          weight.itemSize, weight.pointer, 1, n, inner, index.int64s, rows, outputs[0].pointer, begin, end)
      }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      [apply(Primitives.IndexSelect(dim: 0), inputs)[0]]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [self] cotangents, saved in
        [cotangents[0].map { apply(Primitives.EmbeddingBackward(forward: self), $0, saved.input(1)) }, nil]
      }
    }
  }
}

extension Primitives {
  /// The gradient of the matrix: the rows' gradients added up. Inputs: gradient of the rows, index.
  package struct EmbeddingBackward: Primitive {
    package static let name = "embedding_backward"
    package let forward: Primitives.Embedding

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: [forward.count, inputs[0].shape[1]], dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (g, index, out) = (inputs[0], inputs[1], outputs[0])
      let count = Int64(index.elementCount)
      let counts = forward.scalesByFrequency ? frequencies(index) : []
      // Every thread reads all indices, so its share of the rows must be worth it.
      ThreadPool.run(count: forward.count, grain: max(forward.count / 16, 1024)) { range in
        counts.withUnsafeBufferPointer { counts in
          fb_embedding_backward(
            g.code, g.pointer, index.int64s, count, Int64(g.shape[1]), Int64(forward.padding ?? -1),
            counts.isEmpty ? nil : counts.baseAddress, out.pointer, Int64(range.lowerBound), Int64(range.upperBound))
        }
      }
    }

    private func frequencies(_ index: HostView) -> [Int64] {
      var counts = [Int64](repeating: 0, count: forward.count)
      for i in 0..<index.elementCount { counts[Int(index.int64s[i])] += 1 }
      return counts
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      var (g, index) = (inputs[0], inputs[1])
      if let padding = forward.padding { g = g.maskedFill((index .== padding).unsqueeze(1), 0) }
      if forward.scalesByFrequency {
        let ones = Tensor.ones(index.shape, dtype: g.dtype, device: g.device)
        let counts = Tensor.zeros([forward.count], dtype: g.dtype, device: g.device)
          .scatterAdd(dim: 0, index: index, src: ones)
        g = g / counts.gather(dim: 0, index: index).unsqueeze(1)
      }
      let zeros = Tensor.zeros([forward.count, g.shape[1]], dtype: g.dtype, device: g.device)
      return [zeros.indexAdd(dim: 0, index: index, source: g)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [forward] cotangents, saved in
        guard var g = cotangents[0] else { return [nil, nil] }
        let index = saved.input(1)
        if let padding = forward.padding {
          g = g.indexFill(dim: 0, index: Tensor([padding], shape: [1], device: g.device), value: 0)
        }
        if forward.scalesByFrequency {
          let counts = index.bincount(minLength: forward.count).to(g.dtype)
          g = g / counts.maskedFill(counts .== 0, 1).unsqueeze(1)
        }
        return [g.indexSelect(dim: 0, index: index), nil]
      }
    }
  }
}
