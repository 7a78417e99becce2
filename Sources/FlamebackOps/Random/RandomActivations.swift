import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Negative elements times a slope drawn from [lower, upper), or its mean outside training.
  /// SeeAlso: torch.nn.functional.rrelu
  public func rrelu(
    lower: Double = 1.0 / 8, upper: Double = 1.0 / 3, training: Bool = false, generator: Generator? = nil
  ) -> Tensor {
    guard dtype.isFloatingPoint, lower <= upper else {
      return fail("rrelu", "expects a floating point tensor and lower <= upper, got \(spec)", like: spec)
    }
    if !training { return leakyRelu(negativeSlope: (lower + upper) / 2) }
    // PyTorch rounds the bounds to the type it computes in.
    let bounds = dtype == .float64 ? (lower, upper) : (Double(Float(lower)), Double(Float(upper)))
    return self * apply(Primitives.RandomSlopes(lower: bounds.0, upper: bounds.1, generator: generator), withoutHistory)
  }

  /// A sample of the Gumbel-softmax distribution of these logits; `hard` gives one-hot vectors with the soft gradient.
  /// SeeAlso: torch.nn.functional.gumbel_softmax
  public func gumbelSoftmax(
    tau: Double = 1, hard: Bool = false, dim: Int = -1, generator: Generator? = nil
  ) -> Tensor {
    let gumbels = exponential(generator: generator).log().neg()
    let soft = ((self + gumbels) / tau).softmax(dim: dim)
    if !hard { return soft }
    let index = soft.withoutHistory.argmax(dim: dim, keepDim: true)
    return Tensor.zerosLike(self).scatter(dim: dim, index: index, value: 1.0) - soft.detached() + soft
  }
}

extension Primitives {
  /// A slope for each element that is not positive, 1 for the others; only the former draw.
  package struct RandomSlopes: Primitive {
    package static let name = "random_slopes"
    package let lower, upper: Double
    package let generator: Generator?
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { inputs }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      var values = [Double](repeating: 0, count: x.elementCount)
      values.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        Strided.copy(x.pointer, x.dtype, nil, to: base, .float64, nil, over: x.shape)
      }
      (generator ?? .default).draw { state in
        for i in values.indices {
          if values[i] <= 0 {
            let unit = Double(state.random64() & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53
            values[i] = unit * (upper - lower) + lower
          } else {
            values[i] = 1
          }
        }
      }
      fillDoubles(out) { values[$0] }
    }

    package var gradient: Gradient { .none(because: "random slopes depend on nothing") }
  }
}
