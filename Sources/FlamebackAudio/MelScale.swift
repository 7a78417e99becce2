import Flameback

/// Which formula makes mels of frequencies.
public enum MelFormula: String, Sendable { case htk, slaney }

/// Triangular filters, evenly spaced in mels: `[nFreqs, nMels]`. SeeAlso: torchaudio.functional.melscale_fbanks
public func melscaleFbanks(
  nFreqs: Int, fMin: Double, fMax: Double, nMels: Int, sampleRate: Int, slaneyNorm: Bool = false,
  melScale: MelFormula = .htk
) -> Tensor {
  let frequencies = Tensor.linspace(0, sampleRate / 2, nFreqs)
  let points = Tensor.linspace(melScale.mel(fMin), melScale.mel(fMax), nMels + 2)
  let edges = melScale.frequencies(points)
  let widths = edges.narrow(dim: 0, start: 1, length: nMels + 1) - edges.narrow(dim: 0, start: 0, length: nMels + 1)
  let slopes = edges.unsqueeze(0) - frequencies.unsqueeze(1)
  let down = -slopes.narrow(dim: 1, start: 0, length: nMels) / widths.narrow(dim: 0, start: 0, length: nMels)
  let up = slopes.narrow(dim: 1, start: 2, length: nMels) / widths.narrow(dim: 0, start: 1, length: nMels)
  let filters = down.minimum(up).clamp(min: 0)
  guard slaneyNorm else { return filters }
  let span = edges.narrow(dim: 0, start: 2, length: nMels) - edges.narrow(dim: 0, start: 0, length: nMels)
  return filters * (2 / span)
}

/// The matrix `[nMels, nMFCC]` of the discrete cosine transform, orthonormal or as it is.
/// SeeAlso: torchaudio.functional.create_dct
public func createDCT(nMFCC: Int, nMels: Int, orthonormal: Bool) -> Tensor {
  let n = Tensor.arange(nMels, dtype: .float32)
  let k = Tensor.arange(nMFCC, dtype: .float32).unsqueeze(1)
  let dct = (Double.pi / Double(nMels) * (n + 0.5) * k).cos()
  guard orthonormal else { return (dct * 2).t() }
  let first = (k .== 0).to(.float32) * (0.5.squareRoot() - 1) + 1
  return (dct * first * (2 / Double(nMels)).squareRoot()).t()
}

extension MelFormula {
  /// Slaney's formula is linear below 1000 Hz and logarithmic from there on.
  private static let (linearStep, corner, cornerMel) = (200.0 / 3, 1000.0, 15.0)
  /// ln 6.4 / 27.
  private static let logStep = 0.068_751_777_420_949_13

  func mel(_ frequency: Double) -> Double {
    func log(_ x: Double) -> Double { Tensor.full([], .float(x), dtype: .float64).log().itemDouble() }
    switch self {
    case .htk: return 2595 * log(1 + frequency / 700) / ln10
    case .slaney:
      if frequency < Self.corner { return frequency / Self.linearStep }
      return Self.cornerMel + log(frequency / Self.corner) / Self.logStep
    }
  }

  func frequencies(_ mels: Tensor) -> Tensor {
    switch self {
    case .htk: return 700 * (Tensor.full([], 10.0).pow(mels / 2595) - 1)
    case .slaney:
      let high = Self.corner * (Self.logStep * (mels - Self.cornerMel)).exp()
      return select(where: mels .>= Self.cornerMel, high, Self.linearStep * mels)
    }
  }
}
