import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The spectra of overlapping frames of a signal, [..., length] → [..., frequencies, frames].
  ///
  /// `window` (of `winLength`, default ones) is centred in frames of `nFFT` samples, `hopLength` (default nFFT / 4) apart;
  /// with `center` the signal is padded by half a frame at both ends. SeeAlso: torch.stft
  public func stft(
    nFFT: Int, hopLength: Int? = nil, winLength: Int? = nil, window: Tensor? = nil, center: Bool = true,
    padMode: PadMode = .reflect, normalized: Bool = false, onesided: Bool? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "stft"
      guard rank == 1 || rank == 2, dtype.isDifferentiable else {
        throw OpError(op, "expected a signal or a batch of signals, got \(spec)")
      }
      let hop = hopLength ?? nFFT / 4
      var x = rank == 1 ? unsqueeze(0) : self
      if center { x = x.unsqueeze(1).pad([nFFT / 2, nFFT / 2], mode: padMode).squeeze(1) }
      let length = x.shape[1]
      guard nFFT > 0, nFFT <= length else { throw OpError(op, "expected 0 < nFFT <= \(length), got \(nFFT)") }
      guard hop > 0 else { throw OpError(op, "expected hopLength > 0, got \(hop)") }
      let window = try Tensor.frameWindow(op, window, winLength ?? nFFT, nFFT)
      let isComplex = dtype.isComplex || window?.dtype.isComplex == true
      let half = onesided ?? !isComplex
      guard !half || !isComplex else { throw OpError(op, "complex signals and windows have no half spectrum") }
      var frames = x.unfold(dim: 1, size: nFFT, step: hop)
      if let window { frames = frames * window }
      let norm: FourierNorm = normalized ? .ortho : .backward
      let spectra = (half ? frames.rfft(norm: norm) : frames.fft(norm: norm)).transpose(1, 2)
      return rank == 1 ? spectra.squeeze(0) : spectra
    }
  }

  /// The signal whose frames have these spectra, by overlapping and adding; the inverse of `stft`.
  ///
  /// Real, or complex with `returnComplex`; an error where the windows leave a gap. SeeAlso: torch.istft
  public func istft(
    nFFT: Int, hopLength: Int? = nil, winLength: Int? = nil, window: Tensor? = nil, center: Bool = true,
    normalized: Bool = false, onesided: Bool? = nil, length: Int? = nil, returnComplex: Bool = false
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "istft"
      guard dtype.isComplex, rank == 2 || rank == 3, elementCount > 0 else {
        throw OpError(op, "expected complex spectra [frequencies, frames] or a batch of them, got \(spec)")
      }
      let hop = hopLength ?? nFFT / 4
      let spectra = (rank == 2 ? unsqueeze(0) : self).transpose(1, 2)
      let (frames, frequencies) = (spectra.shape[1], spectra.shape[2])
      let half = onesided ?? (frequencies != nFFT)
      guard frequencies == (half ? nFFT / 2 + 1 : nFFT) else {
        throw OpError(op, "\(frequencies) frequencies do not fit nFFT \(nFFT), onesided \(half)")
      }
      guard hop > 0, hop <= winLength ?? nFFT else {
        throw OpError(op, "expected 0 < hopLength <= \(winLength ?? nFFT), got \(hop)")
      }
      guard !(returnComplex && half) else {
        throw OpError(op, "a half spectrum gives a real signal: onesided and returnComplex exclude each other")
      }
      let window =
        try Tensor.frameWindow(op, window, winLength ?? nFFT, nFFT)
        ?? Tensor.ones([nFFT], dtype: dtype.real, device: device)
      let norm: FourierNorm = normalized ? .ortho : .backward
      let signals =
        returnComplex
        ? spectra.ifft(norm: norm)
        : spectra.narrow(dim: 2, start: 0, length: nFFT / 2 + 1).irfft(n: nFFT, norm: norm)
      let total = nFFT + hop * (frames - 1)
      func overlapped(_ x: Tensor) -> Tensor {
        let base = TensorSpec(shape: [x.shape[0], total], dtype: x.dtype, device: device)
        return apply(
          Primitives.ViewAdjoint(view: Primitives.Windows(dim: 1, size: nFFT, step: hop), base: base), x.contiguous())
      }
      var signal = overlapped(signals * window)
      var envelope = overlapped((window * window).expand(1, frames, nFFT))
      let start = center ? nFFT / 2 : 0
      let end =
        try length.map { (length) throws(OpError) in try sized(op) { CheckedInt(start) + length } }
        ?? (center ? total - nFFT / 2 : total)
      let stop = Swift.min(end, total)
      guard stop > start else { throw OpError(op, "nothing is left of \(total) samples") }
      signal = signal.narrow(dim: 1, start: start, length: stop - start)
      envelope = envelope.narrow(dim: 1, start: start, length: stop - start)
      guard envelope.withoutHistory.abs().amin().itemDouble() > 1e-11 else {
        throw OpError(op, "the windows leave a gap: their squares add up to zero somewhere")
      }
      signal = signal / envelope
      if end > total { signal = signal.constantPad([0, end - total]) }
      return rank == 2 ? signal.squeeze(0) : signal
    }
  }

  /// The window in the middle of a frame; nil for ones all over.
  private static func frameWindow(
    _ op: String, _ window: Tensor?, _ length: Int, _ size: Int
  ) throws(OpError) -> Tensor? {
    guard length > 0, length <= size else { throw OpError(op, "expected 0 < winLength <= \(size), got \(length)") }
    if let window, window.shape != [length] {
      throw OpError(op, "expected a window of \(length) samples, got \(window.spec)")
    }
    if length == size { return window }
    let left = (size - length) / 2
    return (window ?? Tensor.ones([length])).constantPad([left, size - length - left])
  }
}
