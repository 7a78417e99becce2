import Flameback
import FlamebackCore
import FlamebackKernels

/// How much of a convolution is kept.
public enum ConvolveMode: String, Sendable { case full, valid, same }

extension Tensor {
  /// The convolution along the last dimension, signal by signal. SeeAlso: torchaudio.functional.convolve
  public func convolve(_ other: Tensor, mode: ConvolveMode = .full) -> Tensor {
    guard rank == other.rank, rank > 0, dtype == other.dtype,
      let batch = Shape.broadcast(Shape(shape.dropLast()), Shape(other.shape.dropLast()))
    else { return fail("convolve", "signals do not fit: \(spec) × \(other.spec)", like: spec) }
    let (n, m) = (shape[rank - 1], other.shape[rank - 1])
    let count = batch.elementCount
    let x = expand(batch.array + [n]).reshape(1, count, n)
    let y = other.expand(batch.array + [m]).reshape(count, 1, m)
    let full = x.conv1d(y.flip(-1), padding: m - 1, groups: count).reshape(batch.array + [n + m - 1])
    let length = mode == .full ? n + m - 1 : mode == .same ? n : Swift.max(n, m) - Swift.min(n, m) + 1
    return full.narrow(dim: -1, start: (n + m - 1 - length) / 2, length: length)
  }

  /// A filter with feedback: a₀ y[n] = Σ bₖ x[n − k] − Σ aₖ y[n − k]. SeeAlso: torchaudio.functional.lfilter
  ///
  /// Coefficients `[taps]`, or `[filters, taps]` of which filter i works on channel i of `[…, filters, time]`.
  /// - Parameter clamp: whether the result is limited to [−1, 1].
  public func lfilter(_ aCoeffs: Tensor, _ bCoeffs: Tensor, clamp: Bool = true) -> Tensor {
    guard aCoeffs.shape == bCoeffs.shape, (1...2).contains(aCoeffs.rank), rank > 0, aCoeffs.elementCount > 0 else {
      return fail("lfilter", "coefficients \(aCoeffs.spec) and \(bCoeffs.spec) must have one shape", like: spec)
    }
    if aCoeffs.rank == 2 {
      guard rank >= 2, shape[rank - 2] == aCoeffs.shape[0] else {
        return fail("lfilter", "\(aCoeffs.shape[0]) filters need as many channels, got \(spec)", like: spec)
      }
      let channels = unbind(dim: rank - 2)
      let filtered = channels.indices.map {
        channels[$0].lfilter(
          aCoeffs.select(dim: 0, index: $0), bCoeffs.select(dim: 0, index: $0), clamp: clamp)
      }
      return Tensor.stack(filtered, dim: -2)
    }
    let taps = aCoeffs.shape[0]
    let lead = aCoeffs.narrow(dim: 0, start: 0, length: 1)
    let rows = reshape(-1, 1, shape[rank - 1]).constantPad([taps - 1, 0])
    let forward = rows.conv1d((bCoeffs / lead).flip(0).reshape(1, 1, taps)).squeeze(1)
    let feedback = (aCoeffs / lead).narrow(dim: 0, start: 1, length: taps - 1)
    let result = FlamebackCore.apply(Primitives.RecursiveFilter(), forward, feedback).reshape(shape)
    return clamp ? result.clamp(min: -1, max: 1) : result
  }

  /// The second-order filter with these coefficients. SeeAlso: torchaudio.functional.biquad
  public func biquad(b0: Double, b1: Double, b2: Double, a0: Double, a1: Double, a2: Double) -> Tensor {
    lfilter(
      Tensor([a0, a1, a2], shape: [3], dtype: dtype, device: device),
      Tensor([b0, b1, b2], shape: [3], dtype: dtype, device: device))
  }

  /// Keeps low frequencies. SeeAlso: torchaudio.functional.lowpass_biquad
  public func lowpassBiquad(sampleRate: Int, cutoffFreq: Double, q: Double = 0.707) -> Tensor {
    let (cosine, alpha) = Tensor.biquadAngle(sampleRate, cutoffFreq, q)
    let side = (1 - cosine) / 2
    return biquad(b0: side, b1: 2 * side, b2: side, a0: 1 + alpha, a1: -2 * cosine, a2: 1 - alpha)
  }

  /// Keeps high frequencies. SeeAlso: torchaudio.functional.highpass_biquad
  public func highpassBiquad(sampleRate: Int, cutoffFreq: Double, q: Double = 0.707) -> Tensor {
    let (cosine, alpha) = Tensor.biquadAngle(sampleRate, cutoffFreq, q)
    let side = (1 + cosine) / 2
    return biquad(b0: side, b1: -2 * side, b2: side, a0: 1 + alpha, a1: -2 * cosine, a2: 1 - alpha)
  }

  private static func biquadAngle(_ sampleRate: Int, _ frequency: Double, _ q: Double) -> (Double, Double) {
    let angle = Tensor.full([], .float(2 * Double.pi * frequency / Double(sampleRate)), dtype: .float64)
    return (angle.cos().itemDouble(), angle.sin().itemDouble() / 2 / q)
  }
}

extension Primitives {
  /// y[n] = x[n] − Σ aₖ y[n − k], row by row.
  package struct RecursiveFilter: Primitive {
    package static let name = "recursiveFilter"

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype == inputs[1].dtype, inputs[0].dtype == .float32 || inputs[0].dtype == .float64 else {
        throw OpError("lfilter", "expected float32 or float64 throughout, got \(inputs[0]) and \(inputs[1])")
      }
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if inputs[0].dtype == .float32 {
        Self.run(Float.self, inputs[0], inputs[1], outputs[0])
      } else {
        Self.run(Double.self, inputs[0], inputs[1], outputs[0])
      }
    }

    private static func run<T: BinaryFloatingPoint>(
      _ type: T.Type, _ x: HostView, _ a: HostView, _ y: MutableHostView
    ) {
      let source = x.pointer.assumingMemoryBound(to: T.self)
      let factors = a.pointer.assumingMemoryBound(to: T.self)
      let target = y.pointer.assumingMemoryBound(to: T.self)
      let (rows, length, order) = (x.shape[0], x.shape[1], a.shape[0])
      for row in 0..<rows {
        let (from, to) = (source + row * length, target + row * length)
        for n in 0..<length {
          var sum = from[n]
          for k in 0..<min(order, n) { sum -= factors[k] * to[n - 1 - k] }
          to[n] = sum
        }
      }
    }

    /// The adjoint runs the same filter backwards in time.
    package var gradient: Gradient {
      .pullback(keeps: [.input(1), .output(0)]) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let a = saved.input(1)
        let back = apply(Primitives.RecursiveFilter(), g.flip(1), a).flip(1)
        guard saved.needs(1), a.shape[0] > 0 else { return [back, saved.needs(1) ? Tensor.zerosLike(a) : nil] }
        let y = saved.output(0)
        let length = y.shape[1]
        let sums = (1...a.shape[0]).map { k -> Tensor in
          if k >= length { return Tensor.zeros([], dtype: y.dtype, device: y.device) }
          return -(back.narrow(dim: 1, start: k, length: length - k) * y.narrow(dim: 1, start: 0, length: length - k))
            .sum()
        }
        return [back, Tensor.stack(sums)]
      }
    }
  }
}

/// How many insertions, deletions and replacements lead from one sequence to the other.
/// SeeAlso: torchaudio.functional.edit_distance
public func editDistance<T: Equatable>(_ first: [T], _ second: [T]) -> Int {
  var row = Array(0...second.count)
  for (i, a) in first.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in second.enumerated() {
      let replaced = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j + 1] + 1, row[j] + 1)
    }
  }
  return row[second.count]
}
