import Flameback

/// How a spectrogram is scaled.
public enum SpectrogramNorm: Sendable {
  case none
  /// By the root of the window's squared sum.
  case window
  /// By the root of the frame length.
  case frameLength
}

extension Tensor {
  /// The spectra of overlapping frames: `[…, time]` → `[…, frequency, frame]`; complex where `power` is nil.
  ///
  /// SeeAlso: torchaudio.functional.spectrogram
  public func spectrogram(
    pad: Int = 0, window: Tensor, nFFT: Int, hopLength: Int, winLength: Int, power: Double? = 2,
    normalized: SpectrogramNorm = .none, center: Bool = true, padMode: PadMode = .reflect, onesided: Bool = true
  ) -> Tensor {
    guard rank > 0 else { return fail("spectrogram", "expected […, time], got \(spec)", like: spec) }
    let padded = pad > 0 ? constantPad([pad, pad]) : self
    let flat = padded.reshape(-1, padded.shape[rank - 1])
    var spectrum = flat.stft(
      nFFT: nFFT, hopLength: hopLength, winLength: winLength, window: window, center: center, padMode: padMode,
      normalized: normalized == .frameLength, onesided: onesided)
    spectrum = spectrum.reshape(Array(shape.dropLast()) + Array(spectrum.shape.suffix(2)))
    if normalized == .window { spectrum = spectrum / window.square().sum().sqrt() }
    guard let power else { return spectrum }
    return power == 1 ? spectrum.abs() : spectrum.abs().pow(power)
  }

  /// The signal of a complex spectrogram. SeeAlso: torchaudio.functional.inverse_spectrogram
  public func inverseSpectrogram(
    length: Int? = nil, pad: Int = 0, window: Tensor, nFFT: Int, hopLength: Int, winLength: Int,
    normalized: SpectrogramNorm = .none, center: Bool = true, onesided: Bool = true
  ) -> Tensor {
    guard rank >= 2, dtype.isComplex else {
      return fail("inverseSpectrogram", "expected complex […, frequency, frame], got \(spec)", like: spec)
    }
    let scaled = normalized == .window ? self * window.square().sum().sqrt() : self
    let flat = scaled.reshape(-1, shape[rank - 2], shape[rank - 1])
    var signal = flat.istft(
      nFFT: nFFT, hopLength: hopLength, winLength: winLength, window: window, center: center,
      normalized: normalized == .frameLength, onesided: onesided, length: length.map { $0 + 2 * pad })
    if let length, pad > 0 { signal = signal.narrow(dim: 1, start: pad, length: length) }
    return signal.reshape(Array(shape.dropLast(2)) + [signal.shape[1]])
  }

  /// How fast coefficients `[…, frequency, time]` change, by a fit over `winLength` frames.
  /// SeeAlso: torchaudio.functional.compute_deltas
  public func computeDeltas(winLength: Int = 5, mode: PadMode = .replicate) -> Tensor {
    guard rank >= 1, winLength >= 3 else {
      return fail("computeDeltas", "winLength must be 3 or more, got \(winLength)", like: spec)
    }
    let n = (winLength - 1) / 2
    let denominator = Double(n * (n + 1) * (2 * n + 1)) / 3
    let kernel = Tensor.arange(-n, n + 1, dtype: dtype, device: device).reshape(1, 1, -1)
    let rows = reshape(-1, 1, shape[rank - 1]).pad([n, n], mode: mode)
    return (rows.conv1d(kernel) / denominator).reshape(shape)
  }
}
