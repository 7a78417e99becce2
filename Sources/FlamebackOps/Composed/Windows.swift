import FlamebackCore
import FlamebackKernels

/// Window functions for spectra: `Window.hann(512, sym: false)`. Periodic windows (`sym: false`) suit Fourier transforms.
public enum Window {
  /// Σ (−1)ⁱ aᵢ cos(2π i n / (M − 1)). SeeAlso: torch.signal.windows.general_cosine
  public static func generalCosine(
    _ m: Int, a: [Double], sym: Bool = true, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor {
    guard !a.isEmpty else { return fail("generalCosine", "the coefficients must not be empty") }
    return window("generalCosine", m, dtype, device) {
      if m == 1 { return Tensor.ones(1, dtype: .float64) }
      let k = Tensor.linspace(0, Double(m - 1) * 2 * .pi / Double(sym ? m - 1 : m), m, dtype: .float64)
      var sum = Tensor.full([m], .float(a[0]), dtype: .float64)
      for (i, factor) in a.enumerated().dropFirst() {
        sum = sum + (k * Double(i)).cos() * (i % 2 == 0 ? factor : -factor)
      }
      return sum
    }
  }

  /// α − (1 − α) cos(…). SeeAlso: torch.signal.windows.general_hamming
  public static func generalHamming(
    _ m: Int, alpha: Double = 0.54, sym: Bool = true, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor { generalCosine(m, a: [alpha, 1 - alpha], sym: sym, dtype: dtype, device: device) }

  /// SeeAlso: torch.signal.windows.hamming
  public static func hamming(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    generalHamming(m, sym: sym, dtype: dtype, device: device)
  }

  /// SeeAlso: torch.signal.windows.hann, torch.hann_window
  public static func hann(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    generalHamming(m, alpha: 0.5, sym: sym, dtype: dtype, device: device)
  }

  /// SeeAlso: torch.signal.windows.blackman
  public static func blackman(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    generalCosine(m, a: [0.42, 0.5, 0.08], sym: sym, dtype: dtype, device: device)
  }

  /// SeeAlso: torch.signal.windows.nuttall
  public static func nuttall(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    generalCosine(m, a: [0.3635819, 0.4891775, 0.1365995, 0.0106411], sym: sym, dtype: dtype, device: device)
  }

  /// A triangle from 0 to 1 to 0. SeeAlso: torch.signal.windows.bartlett
  public static func bartlett(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    window("bartlett", m, dtype, device) {
      if m == 1 { return Tensor.ones(1, dtype: .float64) }
      let k = Tensor.linspace(-1, -1 + Double(m - 1) * 2 / Double(sym ? m - 1 : m), m, dtype: .float64)
      return 1 - k.abs()
    }
  }

  /// Half a wave. SeeAlso: torch.signal.windows.cosine
  public static func cosine(_ m: Int, sym: Bool = true, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    window("cosine", m, dtype, device) {
      let step = Double.pi / Double(!sym && m > 1 ? m + 1 : m)
      return Tensor.linspace(0.5 * step, (Double(m) - 0.5) * step, m, dtype: .float64).sin()
    }
  }

  /// exp(−|n − center| / τ). SeeAlso: torch.signal.windows.exponential
  public static func exponential(
    _ m: Int, center: Double? = nil, tau: Double = 1, sym: Bool = true, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor {
    guard tau > 0 else { return fail("exponential", "tau must be positive, got \(tau)") }
    guard !sym || center == nil else { return fail("exponential", "a symmetric window has its center in the middle") }
    return window("exponential", m, dtype, device) {
      let center = center ?? Double(!sym && m > 1 ? m : m - 1) / 2
      return Tensor.linspace(-center / tau, (Double(m - 1) - center) / tau, m, dtype: .float64).abs().neg().exp()
    }
  }

  /// exp(−½ (n − center)² / std²). SeeAlso: torch.signal.windows.gaussian
  public static func gaussian(
    _ m: Int, std: Double = 1, sym: Bool = true, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor {
    guard std > 0 else { return fail("gaussian", "the standard deviation must be positive, got \(std)") }
    return window("gaussian", m, dtype, device) {
      let start = -Double(!sym && m > 1 ? m : m - 1) / 2
      let scale = 1 / (std * 2.0.squareRoot())
      let k = Tensor.linspace(start * scale, (start + Double(m - 1)) * scale, m, dtype: .float64)
      return (k * k).neg().exp()
    }
  }

  /// I₀(√(β² − k²)) / I₀(β). SeeAlso: torch.signal.windows.kaiser
  public static func kaiser(
    _ m: Int, beta: Double = 12, sym: Bool = true, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor {
    guard beta >= 0 else { return fail("kaiser", "beta must not be negative, got \(beta)") }
    return window("kaiser", m, dtype, device) {
      if m == 1 { return Tensor.ones(1, dtype: .float64) }
      let end = Swift.min(beta, -beta + Double(m - 1) * 2 * beta / Double(sym ? m - 1 : m))
      let k = Tensor.linspace(-beta, end, m, dtype: .float64)
      // A square just above β² is a rounding error.
      let rest = (beta * beta - k * k).clamp(min: 0.0)
      return rest.sqrt().i0() / Tensor.full([], .float(beta), dtype: .float64).i0()
    }
  }

  private static func window(
    _ op: String, _ m: Int, _ dtype: DType?, _ device: Device?, _ body: () -> Tensor
  ) -> Tensor {
    let dtype = dtype ?? Context.defaultDType
    guard m >= 0 else { return fail(op, "the length of a window must not be negative, got \(m)") }
    guard dtype == .float32 || dtype == .float64 else { return fail(op, "expects float32 or float64, got \(dtype)") }
    if m == 0 { return Tensor.empty(0, dtype: dtype, device: device) }
    return withDefaultDevice(device ?? Context.defaultDevice) { body().to(dtype) }
  }
}
