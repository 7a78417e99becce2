import Flameback

/// The window over the interpolating sinc.
public enum ResamplingMethod: Sendable {
  case hann
  case kaiser(beta: Double = 14.769656459379492)
}

/// Filters that take a signal from one rate to another: `[newFreq, 1, taps]` and the padding, after division by the
/// rates' common divisor.
struct ResamplingKernel {
  let kernel: Tensor
  let width: Int
  let from: Int
  let to: Int

  init(
    _ origFreq: Int, _ newFreq: Int, lowpassFilterWidth: Int, rolloff: Double, method: ResamplingMethod, dtype: DType?
  ) {
    func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
    let common = max(divisor(origFreq, newFreq), 1)
    (from, to) = (origFreq / common, newFreq / common)
    let cutoff = Double(min(from, to)) * rolloff
    let zeros = Double(lowpassFilterWidth)
    width = Int((zeros * Double(from) / cutoff).rounded(.up))
    let compute = dtype ?? .float64
    let positions = Tensor.arange(-width, width + from, dtype: compute).reshape(1, 1, -1) / from
    let phases = Tensor.arange(0, -to, -1, dtype: compute).reshape(-1, 1, 1) / to
    let t = ((phases + positions) * cutoff).clamp(min: -zeros, max: zeros)
    let window: Tensor
    switch method {
    case .hann: window = (t * Double.pi / zeros / 2).cos().square()
    case .kaiser(let beta):
      let top = Tensor.full([], .float(beta), dtype: compute).i0()
      window = (beta * (1 - (t / zeros).square()).sqrt()).i0() / top
    }
    let angle = t * Double.pi
    let sinc = select(where: angle .== 0, 1.0, angle.sin() / angle)
    let filters = sinc * (window * (cutoff / Double(from)))
    kernel = dtype == nil ? filters.to(.float32) : filters
  }

  static func apply(_ signal: Tensor, _ kernel: Tensor, width: Int, from: Int, to: Int) -> Tensor {
    let length = signal.shape[signal.rank - 1]
    let rows = signal.reshape(-1, length).constantPad([width, width + from]).unsqueeze(1)
    let parts = rows.conv1d(kernel, stride: from).transpose(1, 2).reshape(rows.shape[0], -1)
    let target = (to * length + from - 1) / from
    return parts.narrow(dim: 1, start: 0, length: target).reshape(Array(signal.shape.dropLast()) + [target])
  }
}

extension Tensor {
  /// The signal at another rate, by band-limited interpolation. SeeAlso: torchaudio.functional.resample
  public func resample(
    _ origFreq: Int, _ newFreq: Int, lowpassFilterWidth: Int = 6, rolloff: Double = 0.99,
    method: ResamplingMethod = .hann
  ) -> Tensor {
    guard origFreq > 0, newFreq > 0, lowpassFilterWidth > 0, rank > 0, dtype.isFloatingPoint else {
      return fail("resample", "expected positive rates and a signal, got \(origFreq), \(newFreq), \(spec)", like: spec)
    }
    if origFreq == newFreq { return self }
    let filter = ResamplingKernel(
      origFreq, newFreq, lowpassFilterWidth: lowpassFilterWidth, rolloff: rolloff, method: method, dtype: dtype)
    return ResamplingKernel.apply(
      self, filter.kernel.to(device), width: filter.width, from: filter.from, to: filter.to)
  }
}
