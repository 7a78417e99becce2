import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let fft: [String: Entry] = [
    "fft.fft": single { $0.fft(n: $1, dim: $2, norm: $3) },
    "fft.ifft": single { $0.ifft(n: $1, dim: $2, norm: $3) },
    "fft.rfft": single { $0.rfft(n: $1, dim: $2, norm: $3) },
    "fft.irfft": single { $0.irfft(n: $1, dim: $2, norm: $3) },
    "fft.hfft": single { $0.hfft(n: $1, dim: $2, norm: $3) },
    "fft.ihfft": single { $0.ihfft(n: $1, dim: $2, norm: $3) },
    "fft.fft2": several([-2, -1]) { $0.fft2(s: $1, dim: $2!, norm: $3) },
    "fft.ifft2": several([-2, -1]) { $0.ifft2(s: $1, dim: $2!, norm: $3) },
    "fft.rfft2": several([-2, -1]) { $0.rfft2(s: $1, dim: $2!, norm: $3) },
    "fft.irfft2": several([-2, -1]) { $0.irfft2(s: $1, dim: $2!, norm: $3) },
    "fft.hfft2": several([-2, -1]) { $0.hfft2(s: $1, dim: $2!, norm: $3) },
    "fft.ihfft2": several([-2, -1]) { $0.ihfft2(s: $1, dim: $2!, norm: $3) },
    "fft.fftn": several(nil) { $0.fftn(s: $1, dim: $2, norm: $3) },
    "fft.ifftn": several(nil) { $0.ifftn(s: $1, dim: $2, norm: $3) },
    "fft.rfftn": several(nil) { $0.rfftn(s: $1, dim: $2, norm: $3) },
    "fft.irfftn": several(nil) { $0.irfftn(s: $1, dim: $2, norm: $3) },
    "fft.hfftn": several(nil) { $0.hfftn(s: $1, dim: $2, norm: $3) },
    "fft.ihfftn": several(nil) { $0.ihfftn(s: $1, dim: $2, norm: $3) },
    "fft.fftshift": { call in .tensor(try call.tensor(0, "input").fftshift(dim: try call.optionalInts(1, "dim"))) },
    "fft.ifftshift": { call in .tensor(try call.tensor(0, "input").ifftshift(dim: try call.optionalInts(1, "dim"))) },
    "fft.fftfreq": frequencies { Tensor.fftfreq($0, d: $1, dtype: $2, device: $3, requiresGrad: $4) },
    "fft.rfftfreq": frequencies { Tensor.rfftfreq($0, d: $1, dtype: $2, device: $3, requiresGrad: $4) },
    "stft": { call in
      let x = try call.tensor(0, "input")
      let mode = try call.string(6, "pad_mode", default: "reflect")
      guard let padMode = PadMode(rawValue: mode) else { throw CallError("stft(): unknown pad_mode '\(mode)'") }
      let window = try call.optionalTensor(4, "window")
      let spectra = x.stft(
        nFFT: try call.int(1, "n_fft"), hopLength: try call.optionalInt(2, "hop_length"),
        winLength: try call.optionalInt(3, "win_length"), window: window,
        center: try call.bool(5, "center", default: true), padMode: padMode,
        normalized: try call.bool(7, "normalized"), onesided: try call.optionalBool(8, "onesided"))
      let isComplex = x.dtype.isComplex || window?.dtype.isComplex == true
      guard let complex = try call.optionalBool(9, "return_complex") ?? (isComplex ? true : nil) else {
        throw CallError("stft(): return_complex must be given for real inputs")
      }
      return .tensor(complex ? spectra : spectra.viewAsReal())
    },
    "istft": { call in
      .tensor(
        try call.tensor(0, "input").istft(
          nFFT: try call.int(1, "n_fft"), hopLength: try call.optionalInt(2, "hop_length"),
          winLength: try call.optionalInt(3, "win_length"), window: try call.optionalTensor(4, "window"),
          center: try call.bool(5, "center", default: true), normalized: try call.bool(6, "normalized"),
          onesided: try call.optionalBool(7, "onesided"), length: try call.optionalInt(8, "length"),
          returnComplex: try call.bool(9, "return_complex")))
    },
  ]

  private static func norm(_ call: Call, _ position: Int) throws -> FourierNorm {
    let name = try call.string(position, "norm", default: "backward")
    guard let norm = FourierNorm(rawValue: name) else { throw CallError("\(call.name)(): invalid norm '\(name)'") }
    return norm
  }

  /// input, n, dim, norm.
  private static func single(_ body: @escaping @Sendable (Tensor, Int?, Int, FourierNorm) -> Tensor) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.optionalInt(1, "n"), try call.int(2, "dim", default: -1),
          try norm(call, 3)))
    }
  }

  /// input, s, dim, norm.
  private static func several(
    _ dims: [Int]?, _ body: @escaping @Sendable (Tensor, [Int]?, [Int]?, FourierNorm) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.optionalInts(1, "s"), try call.optionalInts(2, "dim") ?? dims,
          try norm(call, 3)))
    }
  }

  /// n, d and the options of a factory function.
  private static func frequencies(
    _ body: @escaping @Sendable (Int, Double, DType?, Device?, Bool) -> Tensor
  ) -> Entry {
    { call in
      let options = try call.factoryOptions()
      return .tensor(
        body(
          try call.int(0, "n"), try call.double(1, "d", default: 1), options.dtype, options.device,
          options.requiresGrad))
    }
  }
}
