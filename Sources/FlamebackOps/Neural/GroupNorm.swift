import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// (x − mean) / √(var + eps) · weight + bias for x [samples, channels, ...], mean and variance over each group of
  /// neighbouring channels of a sample. Inputs: x, then weight and bias [channels] where there are any. Further outputs:
  /// mean and 1 / deviation of each group.
  package struct GroupNorm: Primitive {
    package static let name = "groupNorm"
    package let groups: Int
    package let eps: Double
    package let hasWeight: Bool
    package let hasBias: Bool

    package var attributes: [(String, String)] { [("groups", "\(groups)"), ("eps", "\(eps)")] }
    package var outputCount: Int { 3 }
    package var weightPosition: Int? { hasWeight ? 1 : nil }
    package var biasPosition: Int? { hasBias ? (hasWeight ? 2 : 1) : nil }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype.isFloatingPoint, inputs.allSatisfy({ $0.dtype == x.dtype }) else {
        throw OpError(Self.name, "needs floating point tensors of one dtype, got \(inputs.map(\.description))")
      }
      let statistics = TensorSpec(
        shape: [x.shape[0] * groups], dtype: Normalization.statistics(x.dtype), device: x.device)
      return [x, statistics, statistics]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      Normalization.group(
        x.pointer, weight: weightPosition.map { inputs[$0].pointer }, bias: biasPosition.map { inputs[$0].pointer },
        into: outputs[0].pointer, mean: outputs[1].pointer, rstd: outputs[2].pointer, x.dtype, eps: eps,
        samples: x.shape[0], channels: x.shape[1], groups: groups, inner: Self.inner(x.shape))
    }

    package static func inner(_ shape: Shape) -> Int { shape[2...].reduce(1, *) }

    /// [samples, channels, ...] normalised, with mean and 1 / deviation [samples · groups, 1].
    package func normalized(_ x: Tensor) -> (x: Tensor, mean: Tensor, rstd: Tensor) {
      let rows = x.shape[0] * groups
      let wide = x.to(Normalization.statistics(x.dtype)).reshape([rows, x.elementCount / rows])
      let mean = wide.mean(dim: 1, keepDim: true)
      let centred = wide - mean
      let rstd = (centred.square().mean(dim: 1, keepDim: true) + eps).rsqrt()
      return ((centred * rstd).reshape(x.shape), mean, rstd)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let (hat, mean, rstd) = normalized(x)
      let y = hat.to(x.dtype).affine(weightPosition.map { inputs[$0] }, biasPosition.map { inputs[$0] })
      return [y, mean.reshape(-1), rstd.reshape(-1)]
    }

    package var gradient: Gradient {
      .ofWanted(
        keeps: hasWeight ? [.input(0), .input(1), .output(1), .output(2)] : [.input(0), .output(1), .output(2)]
      ) {
        [self] g, saved, wanted in
        let weight = hasWeight ? [saved.input(1)] : []
        return apply(
          Primitives.GroupNormGradient(norm: self, wanted: wanted),
          [g, saved.input(0), saved.output(1), saved.output(2)] + weight)
      }
    }
  }
}

extension Primitives {
  /// The gradients of group norm's inputs that are wanted, from g, x, mean, 1 / deviation, and weight if there is one.
  package struct GroupNormGradient: Primitive {
    package static let name = "groupNormGradient"
    package let norm: Primitives.GroupNorm
    package let wanted: [Int]

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[1]
      return wanted.map {
        TensorSpec(shape: $0 == 0 ? x.shape : [x.shape[1]], dtype: x.dtype, device: x.device)
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[1]
      Normalization.groupGradient(
        inputs[0].pointer, x.pointer, weight: norm.hasWeight ? inputs[4].pointer : nil, mean: inputs[2].pointer,
        rstd: inputs[3].pointer, dx: outputs.pointer(of: 0, among: wanted),
        dWeight: outputs.pointer(of: norm.weightPosition, among: wanted),
        dBias: outputs.pointer(of: norm.biasPosition, among: wanted), x.dtype, samples: x.shape[0],
        channels: x.shape[1],
        groups: norm.groups, inner: Primitives.GroupNorm.inner(x.shape))
    }

    /// With ĝ = g · weight: dx = rstd (ĝ − mean ĝ − x̂ mean(ĝ x̂)) over each group, dweight = Σ g x̂, dbias = Σ g.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[1]
      let (hat, _, rstd) = norm.normalized(x)
      let g = inputs[0].to(hat.dtype)
      let dims = [0] + Array(2..<x.rank)
      return wanted.map { i in
        switch i {
        case 0:
          let rows = [x.shape[0] * norm.groups, x.elementCount / (x.shape[0] * norm.groups)]
          let scaled = g.affine(norm.hasWeight ? inputs[4] : nil, nil).reshape(rows)
          let flat = hat.reshape(rows)
          let dx = scaled - flat * (scaled * flat).mean(dim: 1, keepDim: true) - scaled.mean(dim: 1, keepDim: true)
          return (rstd * dx).to(x.dtype).reshape(x.shape)
        case norm.weightPosition: return (g * hat).sum(dim: dims).to(x.dtype)
        default: return g.sum(dim: dims).to(x.dtype)
        }
      }
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// Normalised over each of `groups` groups of channels of [n, channels, ...], then scaled and shifted per channel.
  /// SeeAlso: torch.nn.functional.group_norm
  public func groupNorm(_ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank >= 2, groups > 0, shape[1] % groups == 0 else {
        throw OpError("groupNorm", "the channels of \(spec) do not divide into \(groups) groups")
      }
      guard elementCount > 0 || shape[0] == 0 else {
        throw OpError("groupNorm", "needs channels and values in them, got \(spec)")
      }
      for case let parameter? in [weight, bias] where parameter.shape != [shape[1]] {
        throw OpError("groupNorm", "weight and bias must have the shape [\(shape[1])], got \(parameter.spec)")
      }
      if elementCount == 0 { return self * 1 }
      guard elementCount > shape[0] * groups else {
        throw OpError("groupNorm", "expected more than 1 value per channel when training, got \(spec)")
      }
      let norm = Primitives.GroupNorm(groups: groups, eps: eps, hasWeight: weight != nil, hasBias: bias != nil)
      return apply(norm, [self] + [weight, bias].compactMap { $0?.to(dtype) })[0]
    }
  }
}
