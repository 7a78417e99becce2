import Flameback

/// Spectrograms as a layer. SeeAlso: torchaudio.transforms.Spectrogram
public final class Spectrogram: Module, UnaryLayer {
  public let nFFT: Int
  public let winLength: Int
  public let hopLength: Int
  public let pad: Int
  public let power: Double?
  public let normalized: SpectrogramNorm
  public let center: Bool
  public let padMode: PadMode
  public let onesided: Bool
  @Buffer public var window: Tensor

  public init(
    nFFT: Int = 400, winLength: Int? = nil, hopLength: Int? = nil, pad: Int = 0,
    window: (Int) -> Tensor = { Window.hann($0, sym: false) }, power: Double? = 2,
    normalized: SpectrogramNorm = .none, center: Bool = true, padMode: PadMode = .reflect, onesided: Bool = true
  ) {
    self.nFFT = nFFT
    self.winLength = winLength ?? nFFT
    self.hopLength = hopLength ?? (winLength ?? nFFT) / 2
    (self.pad, self.power, self.normalized) = (pad, power, normalized)
    (self.center, self.padMode, self.onesided) = (center, padMode, onesided)
    self.window = window(self.winLength)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.spectrogram(
      pad: pad, window: window, nFFT: nFFT, hopLength: hopLength, winLength: winLength, power: power,
      normalized: normalized, center: center, padMode: padMode, onesided: onesided)
  }
}

/// The inverse of complex spectrograms as a layer. SeeAlso: torchaudio.transforms.InverseSpectrogram
public final class InverseSpectrogram: Module, UnaryLayer {
  public let nFFT: Int
  public let winLength: Int
  public let hopLength: Int
  public let pad: Int
  public let normalized: SpectrogramNorm
  public let center: Bool
  public let onesided: Bool
  @Buffer public var window: Tensor

  public init(
    nFFT: Int = 400, winLength: Int? = nil, hopLength: Int? = nil, pad: Int = 0,
    window: (Int) -> Tensor = { Window.hann($0, sym: false) }, normalized: SpectrogramNorm = .none,
    center: Bool = true, onesided: Bool = true
  ) {
    self.nFFT = nFFT
    self.winLength = winLength ?? nFFT
    self.hopLength = hopLength ?? (winLength ?? nFFT) / 2
    (self.pad, self.normalized, self.center, self.onesided) = (pad, normalized, center, onesided)
    self.window = window(self.winLength)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { callAsFunction(x, length: nil) }

  /// `length`: of the signal, where it is known.
  public func callAsFunction(_ x: Tensor, length: Int?) -> Tensor {
    x.inverseSpectrogram(
      length: length, pad: pad, window: window, nFFT: nFFT, hopLength: hopLength, winLength: winLength,
      normalized: normalized, center: center, onesided: onesided)
  }
}

/// Spectra gathered into mel bands. SeeAlso: torchaudio.transforms.MelScale
public final class MelScale: Module, UnaryLayer {
  @Buffer public var fb: Tensor

  public init(
    nMels: Int = 128, sampleRate: Int = 16000, fMin: Double = 0, fMax: Double? = nil, nStft: Int = 201,
    slaneyNorm: Bool = false, melScale: MelFormula = .htk
  ) {
    fb = melscaleFbanks(
      nFreqs: nStft, fMin: fMin, fMax: fMax ?? Double(sampleRate / 2), nMels: nMels, sampleRate: sampleRate,
      slaneyNorm: slaneyNorm, melScale: melScale)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { x.transpose(-1, -2).matmul(fb).transpose(-1, -2) }
}

/// Spectrograms in mel bands. SeeAlso: torchaudio.transforms.MelSpectrogram
public final class MelSpectrogram: Module, UnaryLayer {
  public let spectrogram: Spectrogram
  public let melScale: MelScale

  public init(
    sampleRate: Int = 16000, nFFT: Int = 400, winLength: Int? = nil, hopLength: Int? = nil, fMin: Double = 0,
    fMax: Double? = nil, pad: Int = 0, nMels: Int = 128, power: Double = 2, normalized: SpectrogramNorm = .none,
    center: Bool = true, padMode: PadMode = .reflect, slaneyNorm: Bool = false, melScale: MelFormula = .htk
  ) {
    spectrogram = Spectrogram(
      nFFT: nFFT, winLength: winLength, hopLength: hopLength, pad: pad, power: power, normalized: normalized,
      center: center, padMode: padMode)
    self.melScale = MelScale(
      nMels: nMels, sampleRate: sampleRate, fMin: fMin, fMax: fMax, nStft: nFFT / 2 + 1, slaneyNorm: slaneyNorm,
      melScale: melScale)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { melScale(spectrogram(x)) }
}

/// The first cosines of the logarithm of mel bands. SeeAlso: torchaudio.transforms.MFCC
public final class MFCC: Module, UnaryLayer {
  @Buffer public var dctMat: Tensor
  public let melSpectrogram: MelSpectrogram
  let logMels: Bool

  public override class var stateKeys: [String: String] { ["melSpectrogram": "MelSpectrogram"] }

  public init(nMFCC: Int = 40, orthonormal: Bool = true, logMels: Bool = false, _ melSpectrogram: MelSpectrogram) {
    self.melSpectrogram = melSpectrogram
    self.logMels = logMels
    dctMat = createDCT(nMFCC: nMFCC, nMels: melSpectrogram.melScale.fb.shape[1], orthonormal: orthonormal)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let mels = melSpectrogram(x)
    let logs =
      logMels
      ? (mels + 1e-6).log() : mels.amplitudeToDB(multiplier: 10, amin: 1e-10, dbMultiplier: 0, topDB: 80)
    return logs.transpose(-1, -2).matmul(dctMat).transpose(-1, -2)
  }
}

/// Decibels of powers or amplitudes. SeeAlso: torchaudio.transforms.AmplitudeToDB
public final class AmplitudeToDB: Module, UnaryLayer {
  let multiplier: Double
  let topDB: Double?

  public init(isPower: Bool = true, topDB: Double? = nil) { (multiplier, self.topDB) = (isPower ? 10 : 20, topDB) }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.amplitudeToDB(multiplier: multiplier, amin: 1e-10, dbMultiplier: 0, topDB: topDB)
  }
}

/// How fast coefficients change. SeeAlso: torchaudio.transforms.ComputeDeltas
public final class ComputeDeltas: Module, UnaryLayer {
  let winLength: Int
  let mode: PadMode

  public init(winLength: Int = 5, mode: PadMode = .replicate) { (self.winLength, self.mode) = (winLength, mode) }
  public func callAsFunction(_ x: Tensor) -> Tensor { x.computeDeltas(winLength: winLength, mode: mode) }
}

/// Logarithmic levels. SeeAlso: torchaudio.transforms.MuLawEncoding
public final class MuLawEncoding: Module, UnaryLayer {
  let quantizationChannels: Int

  public init(quantizationChannels: Int = 256) { self.quantizationChannels = quantizationChannels }
  public func callAsFunction(_ x: Tensor) -> Tensor { x.muLawEncoding(quantizationChannels: quantizationChannels) }
}

/// Numbers of logarithmic levels. SeeAlso: torchaudio.transforms.MuLawDecoding
public final class MuLawDecoding: Module, UnaryLayer {
  let quantizationChannels: Int

  public init(quantizationChannels: Int = 256) { self.quantizationChannels = quantizationChannels }
  public func callAsFunction(_ x: Tensor) -> Tensor { x.muLawDecoding(quantizationChannels: quantizationChannels) }
}

/// Another sampling rate. SeeAlso: torchaudio.transforms.Resample
public final class Resample: Module, UnaryLayer {
  @Buffer public var kernel: Tensor?
  let width: Int
  let from: Int
  let to: Int

  public init(
    origFreq: Int = 16000, newFreq: Int = 16000, method: ResamplingMethod = .hann, lowpassFilterWidth: Int = 6,
    rolloff: Double = 0.99
  ) {
    let filter = ResamplingKernel(
      origFreq, newFreq, lowpassFilterWidth: lowpassFilterWidth, rolloff: rolloff, method: method, dtype: nil)
    (width, from, to) = (filter.width, filter.from, filter.to)
    kernel = origFreq == newFreq ? nil : filter.kernel
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard let kernel else { return x }
    return ResamplingKernel.apply(x, kernel, width: width, from: from, to: to)
  }
}

/// The course of a fade.
public enum FadeShape: String, Sendable {
  case linear, exponential, logarithmic
  case quarterSine = "quarter_sine"
  case halfSine = "half_sine"
}

/// Louder from silence at the beginning, softer to silence at the end. SeeAlso: torchaudio.transforms.Fade
public final class Fade: Module, UnaryLayer {
  let fadeInLen: Int
  let fadeOutLen: Int
  let fadeShape: FadeShape

  public init(fadeInLen: Int = 0, fadeOutLen: Int = 0, fadeShape: FadeShape = .linear) {
    (self.fadeInLen, self.fadeOutLen, self.fadeShape) = (fadeInLen, fadeOutLen, fadeShape)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let length = x.shape[x.rank - 1]
    guard fadeInLen <= length, fadeOutLen <= length else {
      return fail(
        "Fade", "the fades are longer than the signal: \(fadeInLen), \(fadeOutLen) and \(length)", like: x.spec)
    }
    let fadeIn = rise(Tensor.linspace(0, 1, fadeInLen)).constantPad([0, length - fadeInLen], value: 1)
    let fadeOut = fall(Tensor.linspace(0, 1, fadeOutLen)).constantPad([length - fadeOutLen, 0], value: 1)
    return fadeIn.to(x.device) * fadeOut.to(x.device) * x
  }

  private func rise(_ t: Tensor) -> Tensor {
    let curve =
      switch fadeShape {
      case .linear: t
      case .exponential: (t - 1).exp2() * t
      case .logarithmic: (0.1 + t).log10() + 1
      case .quarterSine: (t * Double.pi / 2).sin()
      case .halfSine: (t * Double.pi - Double.pi / 2).sin() / 2 + 0.5
      }
    return curve.clamp(min: 0, max: 1)
  }

  private func fall(_ t: Tensor) -> Tensor {
    let curve =
      switch fadeShape {
      case .linear: -t + 1
      case .exponential: (-t).exp2() * (1 - t)
      case .logarithmic: (1.1 - t).log10() + 1
      case .quarterSine: (t * Double.pi / 2 + Double.pi / 2).sin()
      case .halfSine: (t * Double.pi + Double.pi / 2).sin() / 2 + 0.5
      }
    return curve.clamp(min: 0, max: 1)
  }
}

/// What the gain of `Vol` means.
public enum GainType: String, Sendable { case amplitude, power, db }

/// Louder or softer, limited to [−1, 1]. SeeAlso: torchaudio.transforms.Vol
public final class Vol: Module, UnaryLayer {
  let gain: Double
  let gainType: GainType

  public init(_ gain: Double, gainType: GainType = .amplitude) { (self.gain, self.gainType) = (gain, gainType) }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let scaled =
      switch gainType {
      case .amplitude: x * gain
      case .power: x * gain.squareRoot()
      case .db: x.gain(db: gain)
      }
    return scaled.clamp(min: -1, max: 1)
  }
}
