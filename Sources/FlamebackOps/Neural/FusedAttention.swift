import FlamebackCore
import FlamebackKernels

/// softmax(scale · q kᵀ + bias) v without storing the weights. Inputs: q, k, v, and a bias if there is one.
struct FusedAttention: Primitive {
  static let name = "scaledDotProductAttention"
  let scale: Double
  let isCausal: Bool

  var acceptsStrides: Bool { true }
  var attributes: [(String, String)] { [("scale", "\(scale)"), ("isCausal", "\(isCausal)")] }

  /// The common leading dimensions.
  private func heads(_ shapes: [Shape]) throws(OpError) -> Shape {
    var heads = Shape()
    for shape in shapes {
      guard let next = Shape.broadcast(heads, Shape(shape.dropLast(2))) else {
        throw OpError(name, "leading dimensions do not broadcast: \(shapes)")
      }
      heads = next
    }
    return heads
  }

  func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
    let (q, v) = (inputs[0], inputs[2])
    let heads = try heads(inputs[..<3].map(\.shape))
    return [
      TensorSpec(shape: heads + [q.shape[q.rank - 2], v.shape[v.rank - 1]], dtype: q.dtype, device: q.device)
    ]
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

  func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    if outputs[0].elementCount == 0 { return }
    let views = try operands(inputs)
    Attention(inputs[0].dtype, scale: scale, isCausal: isCausal).forward(
      views[0], views[1], views[2], bias: views.count > 3 ? views[3] : nil, into: outputs[0].pointer)
  }

  func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    [weights(inputs).matmul(inputs[2], op: name)]
  }

  /// The attention weights as a tensor.
  func weights(_ inputs: [Tensor]) -> Tensor {
    let (q, k) = (inputs[0], inputs[1])
    let bias = isCausal ? q.causalBias(k.shape[k.rank - 2]) : inputs.count > 3 ? inputs[3] : nil
    let weights = q.attentionScores(k, bias: bias, scale: scale, name).softmax(dim: -1)
    guard let bias, !isCausal else { return weights }
    let blind = noGrad { (bias.detached() .== -Double.infinity).all(dim: -1, keepDim: true) }
    return weights.maskedFill(blind, 0)
  }

  var gradient: Gradient {
    .pullback(keeps: .inputs) { [self] cotangents, saved in
      let count = saved.inputCount
      guard let g = cotangents[0] else { return Array(repeating: nil, count: count) }
      let inputs = (0..<count).map { saved.input($0) }
      let gradients = apply(FusedAttentionGradient(attention: self), [g] + inputs)
      return (0..<count).map { i in
        i < 3 && saved.needs(i) ? gradients[i].summed(to: saved.spec(i).shape) : nil
      }
    }
  }
}

/// The gradients of queries, keys and values, each with all leading dimensions, from g and the inputs.
struct FusedAttentionGradient: Primitive {
  static let name = "scaledDotProductAttentionGradient"
  let attention: FusedAttention

  var acceptsStrides: Bool { true }
  var attributes: [(String, String)] { attention.attributes }

  func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
    let heads = Shape(inputs[0].shape.dropLast(2))
    return inputs[1...3].map { input in
      TensorSpec(shape: heads + Array(input.shape.suffix(2)), dtype: input.dtype, device: input.device)
    }
  }

  func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    let views = try attention.operands(inputs.dropFirst())
    let g = inputs[0]
    let packed = ScratchMemory(byteCount: g.elementCount * g.dtype.byteSize)
    Strided.copy(g.pointer, g.dtype, g.strides, to: packed.pointer, g.dtype, nil, over: g.shape)
    Attention(g.dtype, scale: attention.scale, isCausal: attention.isCausal).backward(
      packed.pointer, views[0], views[1], views[2], bias: views.count > 3 ? views[3] : nil, dq: outputs[0].pointer,
      dk: outputs[1].pointer, dv: outputs[2].pointer)
    withExtendedLifetime(packed) {}
  }

  /// With w the weights and dw = g vᵀ: dv = wᵀ g, ds = w (dw − Σ w dw), dq = scale ds k, dk = scale dsᵀ q.
  func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    let (g, q, k, v) = (inputs[0], inputs[1], inputs[2], inputs[3])
    let w = attention.weights(Array(inputs.dropFirst()))
    let dw = g.matmul(v.transpose(-2, -1))
    let ds = w * (dw - (w * dw).sum(dim: -1, keepDim: true))
    let heads = Array(g.shape.dropLast(2))
    return [
      (ds.matmul(k) * attention.scale).expand(heads + q.shape.suffix(2)),
      (ds.transpose(-2, -1).matmul(q) * attention.scale).expand(heads + k.shape.suffix(2)),
      w.transpose(-2, -1).matmul(g).expand(heads + v.shape.suffix(2)),
    ]
  }

  var gradient: Gradient { .ofDecomposition }
}
