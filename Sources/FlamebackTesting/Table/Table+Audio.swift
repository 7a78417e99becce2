import Flameback
import FlamebackAudio
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  /// torchaudio.functional.
  static let audio: [String: Entry] = audioFunctions.reduce(into: [:]) {
    $0["torchaudio.functional.\($1.key)"] = $1.value
  }

  private static let audioFunctions: [String: Entry] = [
    "amplitude_to_DB": { c in
      .tensor(
        try c.tensor(0, "x").amplitudeToDB(
          multiplier: try c.double(1, "multiplier"), amin: try c.double(2, "amin"),
          dbMultiplier: try c.double(3, "db_multiplier"), topDB: try c.optionalDouble(4, "top_db")))
    },
    "DB_to_amplitude": { c in
      .tensor(try c.tensor(0, "x").dbToAmplitude(ref: try c.double(1, "ref"), power: try c.double(2, "power")))
    },
    "compute_deltas": { c in
      .tensor(
        try c.tensor(0, "specgram").computeDeltas(
          winLength: try c.int(1, "win_length", default: 5), mode: try c.padMode(2, "mode", .replicate)))
    },
    "convolve": { c in
      guard let mode = ConvolveMode(rawValue: try c.string(2, "mode", default: "full")) else {
        throw CallError("unknown mode")
      }
      return .tensor(try c.tensor(0, "x").convolve(try c.tensor(1, "y"), mode: mode))
    },
    "create_dct": { c in
      .tensor(
        createDCT(
          nMFCC: try c.int(0, "n_mfcc"), nMels: try c.int(1, "n_mels"),
          orthonormal: try c.optionalString(2, "norm") == "ortho"))
    },
    "edit_distance": { c in .int(editDistance(Array(try c.string(0, "seq1")), Array(try c.string(1, "seq2")))) },
    "highpass_biquad": { c in
      .tensor(
        try c.tensor(0, "waveform").highpassBiquad(
          sampleRate: try c.int(1, "sample_rate"), cutoffFreq: try c.double(2, "cutoff_freq"),
          q: try c.double(3, "Q", default: 0.707)))
    },
    "lowpass_biquad": { c in
      .tensor(
        try c.tensor(0, "waveform").lowpassBiquad(
          sampleRate: try c.int(1, "sample_rate"), cutoffFreq: try c.double(2, "cutoff_freq"),
          q: try c.double(3, "Q", default: 0.707)))
    },
    "lfilter": { c in
      .tensor(
        try c.tensor(0, "waveform").lfilter(
          try c.tensor(1, "a_coeffs"), try c.tensor(2, "b_coeffs"), clamp: try c.bool(3, "clamp", default: true)))
    },
    "melscale_fbanks": { c in
      .tensor(
        melscaleFbanks(
          nFreqs: try c.int(0, "n_freqs"), fMin: try c.double(1, "f_min"), fMax: try c.double(2, "f_max"),
          nMels: try c.int(3, "n_mels"), sampleRate: try c.int(4, "sample_rate"),
          slaneyNorm: try c.optionalString(5, "norm") == "slaney", melScale: try c.melFormula(6)))
    },
    "mu_law_encoding": { c in
      .tensor(try c.tensor(0, "x").muLawEncoding(quantizationChannels: try c.int(1, "quantization_channels")))
    },
    "mu_law_decoding": { c in
      .tensor(try c.tensor(0, "x_mu").muLawDecoding(quantizationChannels: try c.int(1, "quantization_channels")))
    },
    "preemphasis": { c in
      .tensor(try c.tensor(0, "waveform").preemphasis(coeff: try c.double(1, "coeff", default: 0.97)))
    },
    "resample": { c in
      .tensor(
        try c.tensor(0, "waveform").resample(
          try c.int(1, "orig_freq"), try c.int(2, "new_freq"),
          lowpassFilterWidth: try c.int(3, "lowpass_filter_width", default: 6),
          rolloff: try c.double(4, "rolloff", default: 0.99), method: try c.resamplingMethod(5, beta: 6)))
    },
    "spectrogram": { c in
      .tensor(
        try c.tensor(0, "waveform").spectrogram(
          pad: try c.int(1, "pad"), window: try c.tensor(2, "window"), nFFT: try c.int(3, "n_fft"),
          hopLength: try c.int(4, "hop_length"), winLength: try c.int(5, "win_length"),
          power: try c.optionalDouble(6, "power"), normalized: try c.spectrogramNorm(7),
          center: try c.bool(8, "center", default: true), padMode: try c.padMode(9, "pad_mode", .reflect),
          onesided: try c.bool(10, "onesided", default: true)))
    },
  ]
}

extension ModuleTable {
  /// torchaudio.transforms.
  static let audio: [String: Entry] = audioTransforms.reduce(into: [:]) {
    $0["torchaudio.transforms.\($1.key)"] = $1.value
  }

  private static let audioTransforms: [String: Entry] = [
    "AmplitudeToDB": { c in
      BuiltModule(
        AmplitudeToDB(
          isPower: try c.string(0, "stype", default: "power") == "power", topDB: try c.optionalDouble(1, "top_db")))
    },
    "ComputeDeltas": { c in
      BuiltModule(
        ComputeDeltas(
          winLength: try c.int(0, "win_length", default: 5), mode: try c.padMode(1, "mode", .replicate)))
    },
    "Fade": { c in
      guard let shape = FadeShape(rawValue: try c.string(2, "fade_shape", default: "linear")) else {
        throw CallError("unknown fade_shape")
      }
      return BuiltModule(
        Fade(
          fadeInLen: try c.int(0, "fade_in_len", default: 0), fadeOutLen: try c.int(1, "fade_out_len", default: 0),
          fadeShape: shape))
    },
    "InverseSpectrogram": { c in
      let layer = InverseSpectrogram(
        nFFT: try c.int(0, "n_fft", default: 400), winLength: try c.optionalInt(1, "win_length"),
        hopLength: try c.optionalInt(2, "hop_length"), pad: try c.int(3, "pad", default: 0),
        normalized: try c.spectrogramNorm(5), center: try c.bool(7, "center", default: true),
        onesided: try c.bool(9, "onesided", default: true))
      return BuiltModule(layer) {
        .tensor(layer(try $0.tensor(0, "spectrogram"), length: try $0.optionalInt(1, "length")))
      }
    },
    "MFCC": { c in
      let sampleRate = try c.int(0, "sample_rate", default: 16000)
      let count = try c.int(1, "n_mfcc", default: 40)
      let isOrthonormal = try c.optionalString(3, "norm") ?? "ortho" == "ortho"
      let logMels = try c.bool(4, "log_mels")
      var keywords: [(String, Value)] = []
      if case .dict(let members)? = try c.value(5, "melkwargs") { keywords = members }
      let inner = Call("MelSpectrogram", [], keywords + [("sample_rate", .int(sampleRate))])
      let mels = try melSpectrogram(inner)
      try inner.finish()
      return BuiltModule(MFCC(nMFCC: count, orthonormal: isOrthonormal, logMels: logMels, mels))
    },
    "MelScale": { c in
      BuiltModule(
        MelScale(
          nMels: try c.int(0, "n_mels", default: 128), sampleRate: try c.int(1, "sample_rate", default: 16000),
          fMin: try c.double(2, "f_min", default: 0), fMax: try c.optionalDouble(3, "f_max"),
          nStft: try c.int(4, "n_stft", default: 201), slaneyNorm: try c.optionalString(5, "norm") == "slaney",
          melScale: try c.melFormula(6)))
    },
    "MelSpectrogram": { c in BuiltModule(try melSpectrogram(c)) },
    "MuLawDecoding": { c in
      BuiltModule(MuLawDecoding(quantizationChannels: try c.int(0, "quantization_channels", default: 256)))
    },
    "MuLawEncoding": { c in
      BuiltModule(MuLawEncoding(quantizationChannels: try c.int(0, "quantization_channels", default: 256)))
    },
    "Resample": { c in
      BuiltModule(
        Resample(
          origFreq: try c.int(0, "orig_freq", default: 16000), newFreq: try c.int(1, "new_freq", default: 16000),
          method: try c.resamplingMethod(2, beta: 5),
          lowpassFilterWidth: try c.int(3, "lowpass_filter_width", default: 6),
          rolloff: try c.double(4, "rolloff", default: 0.99)))
    },
    "Spectrogram": { c in
      BuiltModule(
        Spectrogram(
          nFFT: try c.int(0, "n_fft", default: 400), winLength: try c.optionalInt(1, "win_length"),
          hopLength: try c.optionalInt(2, "hop_length"), pad: try c.int(3, "pad", default: 0),
          power: c.has(5, "power") ? try c.optionalDouble(5, "power") : 2, normalized: try c.spectrogramNorm(6),
          center: try c.bool(8, "center", default: true), padMode: try c.padMode(9, "pad_mode", .reflect),
          onesided: try c.bool(10, "onesided", default: true)))
    },
    "Vol": { c in
      guard let type = GainType(rawValue: try c.string(1, "gain_type", default: "amplitude")) else {
        throw CallError("unknown gain_type")
      }
      return BuiltModule(Vol(try c.double(0, "gain"), gainType: type))
    },
  ]

  private static func melSpectrogram(_ c: Call) throws -> MelSpectrogram {
    MelSpectrogram(
      sampleRate: try c.int(0, "sample_rate", default: 16000), nFFT: try c.int(1, "n_fft", default: 400),
      winLength: try c.optionalInt(2, "win_length"), hopLength: try c.optionalInt(3, "hop_length"),
      fMin: try c.double(4, "f_min", default: 0), fMax: try c.optionalDouble(5, "f_max"),
      pad: try c.int(6, "pad", default: 0), nMels: try c.int(7, "n_mels", default: 128),
      power: try c.double(9, "power", default: 2), normalized: try c.spectrogramNorm(10),
      center: try c.bool(12, "center", default: true), padMode: try c.padMode(13, "pad_mode", .reflect),
      slaneyNorm: try c.optionalString(15, "norm") == "slaney", melScale: try c.melFormula(16))
  }
}

extension Call {
  fileprivate func padMode(_ position: Int?, _ name: String, _ fallback: PadMode) throws -> PadMode {
    guard let text = try optionalString(position, name) else { return fallback }
    guard let mode = PadMode(rawValue: text) else { throw CallError("\(self.name)(): unknown \(name) '\(text)'") }
    return mode
  }

  fileprivate func melFormula(_ position: Int?) throws -> MelFormula {
    let text = try string(position, "mel_scale", default: "htk")
    guard let formula = MelFormula(rawValue: text) else { throw CallError("\(name)(): unknown mel_scale '\(text)'") }
    return formula
  }

  /// A bool, or the name of what divides.
  fileprivate func spectrogramNorm(_ position: Int?) throws -> SpectrogramNorm {
    if isString(position, "normalized") {
      return try string(position, "normalized") == "frame_length" ? .frameLength : .window
    }
    return try bool(position, "normalized") ? .window : .none
  }

  fileprivate func resamplingMethod(_ position: Int?, beta: Int?) throws -> ResamplingMethod {
    let name = try string(position, "resampling_method", default: "sinc_interp_hann")
    let beta = try double(beta, "beta", default: 14.769656459379492)
    return name == "sinc_interp_kaiser" ? .kaiser(beta: beta) : .hann
  }
}
