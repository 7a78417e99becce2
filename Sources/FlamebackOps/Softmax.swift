import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Softmax along a dimension, or its logarithm.
  package struct Softmax: Primitive {
    package static let name = "softmax"
    package var autocast: AutocastRule { .float32 }
    package let log: Bool
    package let dim: Int

    package var name: String { log ? "logSoftmax" : "softmax" }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype.isFloatingPoint else {
        throw OpError(name, "needs floating point numbers, got \(inputs[0])")
      }
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      FlamebackKernels.Softmax.forward(x.pointer, into: y.pointer, x.dtype, log: log, shape: x.shape, dim: dim)
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      if x.elementCount == 0 { return [x] }
      let shifted = x - x.detached().amax(dim: dim, keepDim: true)
      if log { return [shifted - shifted.exp().sum(dim: dim, keepDim: true).log()] }
      let e = shifted.exp()
      return [e / e.sum(dim: dim, keepDim: true)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .output(0)) { [log, dim] cotangents, saved in
        [cotangents[0].map { apply(Primitives.SoftmaxGradient(log: log, dim: dim), saved.output(0), $0) }]
      }
    }
  }
}

extension Primitives {
  /// From the output y and its gradient g: y (g − Σ g y); of the logarithm g − eʸ Σ g.
  package struct SoftmaxGradient: Primitive {
    package static let name = "softmaxGradient"
    package let log: Bool
    package let dim: Int

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      FlamebackKernels.Softmax.backward(
        inputs[0].pointer, inputs[1].pointer, into: outputs[0].pointer, inputs[0].dtype, log: log,
        shape: inputs[0].shape, dim: dim)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (y, g) = (inputs[0], inputs[1])
      if log { return [g - y.exp() * g.sum(dim: dim, keepDim: true)] }
      return [y * (g - (g * y).sum(dim: dim, keepDim: true))]
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  private func softmax(_ op: String, log: Bool, _ dim: Int, _ dtype: DType?) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      let x = dtype.map { to($0) } ?? self
      if rank > 0 { return apply(Primitives.Softmax(log: log, dim: d), x) }
      return apply(Primitives.Softmax(log: log, dim: 0), x.reshape(1)).reshape([])
    }
  }

  /// eˣ divided by its sum along `dim`; `dtype` converts first. SeeAlso: torch.nn.functional.softmax
  public func softmax(dim: Int, dtype: DType? = nil) -> Tensor { softmax("softmax", log: false, dim, dtype) }

  /// The logarithm of softmax, exact for small probabilities. SeeAlso: torch.nn.functional.log_softmax
  public func logSoftmax(dim: Int, dtype: DType? = nil) -> Tensor { softmax("logSoftmax", log: true, dim, dtype) }

  /// The softmax of −x. SeeAlso: torch.nn.functional.softmin
  public func softmin(dim: Int, dtype: DType? = nil) -> Tensor { (-self).softmax(dim: dim, dtype: dtype) }
}
