import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The largest values of windows that begin at random places. Inputs: [batch, channels, spatial...] and, for each plane,
  /// a random number in [0, 1) per dimension. SeeAlso: Graham, "Fractional Max-Pooling" (2014)
  package struct FractionalMaxPool: Primitive {
    package static let name = "fractionalMaxPool"
    package let kernel: [Int]
    package let size: [Int]

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let shape = Shape(inputs[0].shape.dropLast(size.count)) + size
      return [inputs[0].dtype, .int64].map { TensorSpec(shape: shape, dtype: $0, device: inputs[0].device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if inputs[0].dtype == .float64 { run(Double.self, inputs, outputs) } else { run(Float.self, inputs, outputs) }
    }

    private func run<T: BinaryFloatingPoint>(_ type: T.Type, _ inputs: [HostView], _ outputs: [MutableHostView]) {
      let n = size.count
      let input = Array(inputs[0].shape.suffix(n))
      let (inPlane, outPlane) = (input.reduce(1, *), size.reduce(1, *))
      let x = inputs[0].pointer.assumingMemoryBound(to: T.self)
      let samples = inputs[1].pointer.assumingMemoryBound(to: T.self)
      let y = outputs[0].pointer.assumingMemoryBound(to: T.self)
      let places = outputs[1].int64s
      let window = Shape(kernel)
      let strides = Shape(input).contiguousStrides
      let zero = Shape(repeating: 0, count: n)
      for plane in 0..<(inputs[0].elementCount / inPlane) {
        // In two dimensions PyTorch's first number belongs to the width.
        let starts: [[Int]] = (0..<n).map { d in
          self.starts(samples[plane * n + (n == 2 ? 1 - d : d)], input: input[d], output: size[d], kernel: kernel[d])
        }
        var out = plane * outPlane
        Strided.forEachOffset(Shape(size), Shape(size).contiguousStrides, zero) { position, _ in
          var corner = 0
          var rest = position
          for d in (0..<n).reversed() {
            corner += starts[d][rest % size[d]] * strides[d]
            rest /= size[d]
          }
          var best = -T.infinity
          var place = corner
          Strided.forEachOffset(window, strides, zero) { offset, _ in
            let value = x[plane * inPlane + corner + offset]
            if value > best || value.isNaN {
              best = value
              place = corner + offset
            }
          }
          y[out] = best
          places[out] = Int64(place)
          out += 1
        }
      }
    }

    /// Where the windows of one dimension begin.
    private func starts<T: BinaryFloatingPoint>(_ sample: T, input: Int, output: Int, kernel: Int) -> [Int] {
      let room = input - kernel
      guard output > 1 else { return [room] }
      let alpha = T(room) / T(output - 1)
      return (0..<(output - 1)).map { Int((T($0) + sample) * alpha) - Int(sample * alpha) } + [room]
    }

    package var attributes: [(String, String)] { [("kernel", "\(kernel)"), ("size", "\(size)")] }
    package var gradient: Gradient { .places(rank: size.count) }
  }
}

extension Tensor {
  private func fractionalMaxPool(
    _ n: Int, _ kernelSize: any Sizes, _ outputSize: (any Sizes)?, _ outputRatio: (any Factors)?, _ samples: Tensor?,
    _ generator: Generator?
  ) -> (output: Tensor, indices: Tensor) {
    let result = attempt(like: self, count: 2) { () throws(OpError) in
      let op = "fractionalMaxPool\(n)d"
      let input = try pooledSize(n, op: op)
      guard dtype.isFloatingPoint else { throw OpError(op, "needs floating point numbers: \(spec)") }
      let kernel = try kernelSize.spread("kernelSize", n, op: op)
      let size: [Int]
      switch (outputSize, outputRatio) {
      case (let given?, nil): size = try given.spread("outputSize", n, op: op)
      case (nil, let ratio?):
        let ratios = ratio.factors.count == 1 ? Array(repeating: ratio.factors[0], count: n) : ratio.factors
        guard ratios.count == n, ratios.allSatisfy({ $0 > 0 && $0 < 1 }) else {
          throw OpError(op, "outputRatio must lie between 0 and 1, got \(ratio.factors)")
        }
        size = (0..<n).map { Int(Double(input[$0]) * ratios[$0]) }
      default: throw OpError(op, "exactly one of outputSize and outputRatio must be given")
      }
      for d in 0..<n {
        guard kernel[d] > 0, size[d] > 0, kernel[d] <= input[d], size[d] <= input[d] - kernel[d] + 1 else {
          throw OpError(op, "kernel \(kernel) and outputSize \(size) do not fit an input of size \(input)")
        }
      }
      let lead: Shape = [rank == n + 1 ? 1 : shape[0], shape[rank - n - 1], n]
      if let samples {
        guard samples.rank == 3, samples.dtype == dtype, samples.shape[0] >= lead[0], samples.shape[1] == lead[1],
          samples.shape[2] == n
        else { throw OpError(op, "random samples must be \(dtype) \(lead), got \(samples.spec)") }
      }
      let random =
        if let samples { samples.sliced(0, 0, lead[0], 1) } else {
          Tensor.drawn(.uniform(0, 1), lead, dtype, device, generator)
        }
      // The maxima are elements, so that a wider type changes nothing.
      let wide = dtype.accumulation
      let pooled = apply(Primitives.FractionalMaxPool(kernel: kernel, size: size), [to(wide), random.to(wide)])
      return [pooled[0].to(dtype), pooled[1]]
    }
    return (result[0], result[1])
  }

  /// The largest values of windows that begin at random places; either `outputSize` or its ratio to the input's.
  ///
  /// `randomSamples` [batch, channels, 2] settles the places. SeeAlso: torch.nn.functional.fractional_max_pool2d
  public func fractionalMaxPool2d(
    _ kernelSize: any Sizes, outputSize: (any Sizes)? = nil, outputRatio: (any Factors)? = nil,
    randomSamples: Tensor? = nil, generator: Generator? = nil
  ) -> (output: Tensor, indices: Tensor) {
    fractionalMaxPool(2, kernelSize, outputSize, outputRatio, randomSamples, generator)
  }

  /// The three-dimensional form; `randomSamples` is [batch, channels, 3].
  /// SeeAlso: torch.nn.functional.fractional_max_pool3d
  public func fractionalMaxPool3d(
    _ kernelSize: any Sizes, outputSize: (any Sizes)? = nil, outputRatio: (any Factors)? = nil,
    randomSamples: Tensor? = nil, generator: Generator? = nil
  ) -> (output: Tensor, indices: Tensor) {
    fractionalMaxPool(3, kernelSize, outputSize, outputRatio, randomSamples, generator)
  }
}
