import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// softmax(scale · q kᵀ + bias) v. Inputs: q, k, v, and a bias if there is one.
  ///
  /// The weights are a second output, for the gradients, where these are recorded and the weights take no more memory than
  /// the operands and the result; else no more of them is ever stored than what belongs to a block of queries.
  ///
  /// The result lies in memory as the queries do: its rows stand in front of head dimension `rowDim`, so that what comes of
  /// [rows, heads, columns] seen as [heads, rows, columns] is that again, and nothing is copied.
  package struct FusedAttention: Primitive {
    package static let name = "scaledDotProductAttention"
    package let scale: Double
    package let isCausal: Bool
    package let rowDim: Int
    package let keepsWeights: Bool

    /// `recordsGradients`: whether those of the inputs will be wanted.
    package init(_ query: Layout, _ key: Shape, _ value: Shape, scale: Double, isCausal: Bool, recordsGradients: Bool) {
      self.scale = scale
      self.isCausal = isCausal
      let (l, e) = (query.shape[query.rank - 2], query.shape[query.rank - 1])
      let (s, f) = (value[value.count - 2], value[value.count - 1])
      keepsWeights = recordsGradients && l * s <= (l + s) * (e + f)
      let others = [key, value]
      var rowDim = others.reduce(query.rank) { max($0, $1.count) } - 2
      if rowDim == query.rank - 2 {
        let stride = query.strides[rowDim]
        while rowDim > 0, query.strides[rowDim - 1] < stride || query.shape[rowDim - 1] == 1 { rowDim -= 1 }
      }
      self.rowDim = rowDim
    }

    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("scale", "\(scale)"), ("isCausal", "\(isCausal)")] }
    package var outputCount: Int { keepsWeights ? 2 : 1 }

    /// The common leading dimensions.
    fileprivate func heads(_ shapes: [Shape]) throws(OpError) -> Shape {
      var heads = Shape()
      for shape in shapes {
        guard let next = Shape.broadcast(heads, Shape(shape.dropLast(2))) else {
          throw OpError(name, "leading dimensions do not broadcast: \(shapes)")
        }
        heads = next
      }
      return heads
    }

    /// The shape as it lies in memory.
    fileprivate func placed(_ heads: Shape, _ rows: Int, _ columns: Int) -> Shape {
      var shape = heads + [columns]
      shape.insert(rows, at: rowDim)
      return shape
    }

    /// From the order in memory to [heads..., rows, columns].
    private func order(_ rank: Int) -> [Int] {
      (0..<rank).filter { $0 != rowDim && $0 != rank - 1 } + [rowDim, rank - 1]
    }

    package func headsFirst(_ result: Tensor) -> Tensor { result.permuted(order(result.rank)) }

    fileprivate func headsFirst(_ layout: Layout) -> Layout { layout.permuted(order(layout.rank)) }

    /// The way back.
    fileprivate func rowsPlaced(_ result: Tensor) -> Tensor { result.movedim(-2, rowDim) }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (q, v) = (inputs[0], inputs[2])
      let heads = try heads(inputs[..<3].map(\.shape))
      let (l, s) = (q.shape[q.rank - 2], v.shape[v.rank - 2])
      let shape = placed(heads, l, v.shape[v.rank - 1])
      let result = TensorSpec(shape: shape, dtype: q.dtype, device: q.device)
      if !keepsWeights { return [result] }
      let weights = heads + [l, Attention.weightsRow(q.dtype, keys: s)]
      return [result, TensorSpec(shape: weights, dtype: q.dtype, device: q.device)]
    }

    fileprivate func operands(_ inputs: some Collection<HostView>) throws(OpError) -> [Attention.Operand] {
      let inputs = Array(inputs)
      let heads = try heads(inputs[..<3].map(\.shape))
      let rows = inputs[0].shape[inputs[0].shape.count - 2]
      let keys = inputs[1].shape[inputs[1].shape.count - 2]
      return inputs.enumerated().map { i, view in
        let full = heads + (i == 3 ? [rows, keys] : Array(view.shape.suffix(2)))
        return Attention.Operand(view.pointer, view.layout.expanded(to: full)!)
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if outputs[0].elementCount == 0 { return }
      let views = try operands(inputs)
      let weights = keepsWeights ? outputs[1].pointer : nil
      Attention(inputs[0].dtype, scale: scale, isCausal: isCausal, weights: weights).forward(
        views[0], views[1], views[2], bias: views.count > 3 ? views[3] : nil,
        into: Attention.Operand(outputs[0].pointer, headsFirst(Layout(outputs[0].shape))))
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let weights = weights(inputs)
      let result = rowsPlaced(weights.matmul(inputs[2], op: name))
      if !keepsWeights { return [result] }
      let (l, s) = (weights.shape[weights.rank - 2], weights.shape[weights.rank - 1])
      let behind = Attention.weightsRow(weights.dtype, keys: s) - s
      let heads = headsFirst(result).shape.dropLast(2)
      return [result, weights.expand(heads + [l, s]).pad([0, behind])]
    }

    /// The attention weights as a tensor.
    package func weights(_ inputs: [Tensor]) -> Tensor {
      let (q, k) = (inputs[0], inputs[1])
      let bias = isCausal ? q.causalBias(k.shape[k.rank - 2]) : inputs.count > 3 ? inputs[3] : nil
      let weights = q.attentionScores(k, bias: bias, scale: scale, name).softmax(dim: -1)
      guard let bias, !isCausal else { return weights }
      let blind = noGrad { (bias.detached() .== -Double.infinity).all(dim: -1, keepDim: true) }
      return weights.maskedFill(blind, 0)
    }

    package var gradient: Gradient {
      .pullback(keeps: keepsWeights ? [.inputs, .output(1)] : .inputs) { [self] cotangents, saved in
        let count = saved.inputCount
        guard let g = cotangents[0] else { return Array(repeating: nil, count: count) }
        let inputs = (0..<count).map { saved.input($0) }
        let gradient = Primitives.FusedAttentionGradient(attention: self, inputs)
        let weights = keepsWeights ? [saved.output(1)] : []
        let gradients = gradient.headsFirst(apply(gradient, [g] + inputs + weights))
        return (0..<count).map { i in
          i < 3 && saved.needs(i) ? gradients[i].summed(to: saved.spec(i).shape) : nil
        }
      }
    }
  }
}

extension Primitives {
  /// The gradients of queries, keys and values, each with all leading dimensions, from g, the inputs, and the weights where
  /// they were kept.
  ///
  /// They lie as the result does. Where queries, keys and values are slices of one array, as a common projection gives them,
  /// their gradients are too: one result, with the three along dimension `jointDim`.
  package struct FusedAttentionGradient: Primitive {
    package static let name = "scaledDotProductAttentionGradient"
    package let attention: Primitives.FusedAttention
    package let jointDim: Int?

    package init(attention: Primitives.FusedAttention, _ inputs: [Tensor]) {
      self.attention = attention
      let (q, k, v) = (inputs[0], inputs[1], inputs[2])
      let step = k.storageOffset - q.storageOffset
      let isJoint =
        step > 0 && v.storageOffset - k.storageOffset == step
        && [k, v].allSatisfy {
          $0.sharesStorage(with: q) && $0.layout.strides == q.layout.strides && $0.shape == q.shape
        }
      jointDim = isJoint ? attention.rowsPlaced(q).strides.firstIndex { $0 <= step } : nil
    }

    package var acceptsStrides: Bool { true }
    package var outputCount: Int { jointDim == nil ? 3 : 1 }
    package var attributes: [(String, String)] { attention.attributes }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let heads = try attention.heads(inputs[1...3].map(\.shape))
      let specs = inputs[1...3].map { input in
        TensorSpec(
          shape: attention.placed(heads, input.shape[input.rank - 2], input.shape[input.rank - 1]), dtype: input.dtype,
          device: input.device)
      }
      guard let jointDim else { return specs }
      var joint = specs[0]
      joint.shape.insert(3, at: jointDim)
      return [joint]
    }

    private func forwardInputs<Input>(_ inputs: [Input]) -> [Input] {
      Array(inputs.dropFirst().dropLast(attention.keepsWeights ? 1 : 0))
    }

    /// The three in the order [heads..., rows, columns].
    package func headsFirst(_ results: [Tensor]) -> [Tensor] {
      (jointDim.map { results[0].unbind(dim: $0) } ?? results).map(attention.headsFirst)
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let weights = attention.keepsWeights ? inputs.last!.pointer : nil
      let views = try attention.operands(forwardInputs(inputs))
      let (g, dtype) = (inputs[0], inputs[0].dtype)
      var gradients: [(UnsafeMutableRawPointer, Layout)] = outputs.map { ($0.pointer, Layout($0.shape)) }
      if let jointDim {
        var one = gradients[0].1
        let step = one.strides[jointDim] * dtype.byteSize
        one.shape.remove(at: jointDim)
        one.strides.remove(at: jointDim)
        gradients = (0..<3).map { (outputs[0].pointer + $0 * step, one) }
      }
      Attention(dtype, scale: attention.scale, isCausal: attention.isCausal, weights: weights).backward(
        Attention.Operand(g.pointer, attention.headsFirst(g.layout)), views[0], views[1], views[2],
        bias: views.count > 3 ? views[3] : nil,
        into: gradients.map { Attention.Operand($0, attention.headsFirst($1)) })
    }

    /// With w the weights and dw = g vᵀ: dv = wᵀ g, ds = w (dw − Σ w dw), dq = scale ds k, dk = scale dsᵀ q.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (g, q, k, v) = (attention.headsFirst(inputs[0]), inputs[1], inputs[2], inputs[3])
      let w = attention.weights(forwardInputs(inputs))
      let dw = g.matmul(v.transpose(-2, -1))
      let ds = w * (dw - (w * dw).sum(dim: -1, keepDim: true))
      let heads = Array(g.shape.dropLast(2))
      let gradients = [
        (ds.matmul(k) * attention.scale).expand(heads + q.shape.suffix(2)),
        (ds.transpose(-2, -1).matmul(q) * attention.scale).expand(heads + k.shape.suffix(2)),
        w.transpose(-2, -1).matmul(g).expand(heads + v.shape.suffix(2)),
      ].map(attention.rowsPlaced)
      return jointDim.map { [Tensor.stack(gradients, dim: $0)] } ?? gradients
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}
