import Flameback

extension Tensor {
  /// Decibels: `multiplier` · log₁₀, no less than `topDB` below the loudest of each spectrogram.
  ///
  /// Of `[…, channel, frequency, time]` the last three make one spectrogram. SeeAlso: torchaudio.functional.amplitude_to_DB
  public func amplitudeToDB(
    multiplier: Double, amin: Double, dbMultiplier: Double, topDB: Double? = nil
  ) -> Tensor {
    let decibels = multiplier * clamp(min: amin).log10() - multiplier * dbMultiplier
    guard let topDB else { return decibels }
    guard rank >= 2 else { return fail("amplitudeToDB", "topDB needs [frequency, time], got \(spec)", like: spec) }
    let packed = decibels.reshape([-1, rank > 2 ? shape[rank - 3] : 1, shape[rank - 2], shape[rank - 1]])
    let floor = packed.amax(dim: [1, 2, 3], keepDim: true) - topDB
    return packed.maximum(floor).reshape(shape)
  }

  /// The amplitude (or power) of decibels. SeeAlso: torchaudio.functional.DB_to_amplitude
  public func dbToAmplitude(ref: Double, power: Double) -> Tensor {
    ref * Tensor.full([], 10.0, dtype: dtype, device: device).pow(0.1 * self).pow(power)
  }

  /// Louder or softer by decibels. SeeAlso: torchaudio.functional.gain
  public func gain(db: Double = 1) -> Tensor {
    db == 0 ? self : self * Tensor.full([], .float(db / 20 * ln10)).exp().itemDouble()
  }

  /// The signal less `coeff` times itself one sample before. SeeAlso: torchaudio.functional.preemphasis
  public func preemphasis(coeff: Double = 0.97) -> Tensor {
    guard rank > 0, shape[rank - 1] > 0 else { return self }
    let length = shape[rank - 1]
    return self - coeff * narrow(dim: -1, start: 0, length: length - 1).constantPad([1, 0])
  }

  /// Numbers in [−1, 1] as logarithmic levels 0 ..< `quantizationChannels`.
  /// SeeAlso: torchaudio.functional.mu_law_encoding
  public func muLawEncoding(quantizationChannels: Int) -> Tensor {
    let mu = Double(quantizationChannels - 1)
    let x = dtype.isFloatingPoint ? self : to(.float32)
    let scale = Tensor.full([], .float(mu), dtype: x.dtype).log1p()
    let compressed = x.sign() * (mu * x.abs()).log1p() / scale
    return ((compressed + 1) / 2 * mu + 0.5).to(.int64)
  }

  /// The inverse of `muLawEncoding`. SeeAlso: torchaudio.functional.mu_law_decoding
  public func muLawDecoding(quantizationChannels: Int) -> Tensor {
    let mu = Double(quantizationChannels - 1)
    let levels = dtype.isFloatingPoint ? self : to(.float32)
    let x = levels / mu * 2 - 1
    let scale = Tensor.full([], .float(mu), dtype: x.dtype).log1p()
    return x.sign() * ((x.abs() * scale).exp() - 1) / mu
  }
}

let ln10 = 2.302_585_092_994_045_7
