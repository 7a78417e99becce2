import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// In which numbers a transform computes: integers become floating point; halves are an error.
  private func fourierInput(_ op: String, complex: Bool, dims: Bool = true) throws(OpError) -> Tensor {
    guard dtype.accumulation == dtype else { throw OpError(op, "not defined for \(dtype)") }
    let x = dtype.isDifferentiable ? self : to(Context.defaultDType)
    if complex { return x.dtype.isComplex ? x : x.to(x.dtype.complex) }
    guard !x.dtype.isComplex else { throw OpError(op, "expects a real input tensor, got \(spec)") }
    return x
  }

  /// Trimmed or filled up with zeros at the end.
  private func resized(_ dim: Int, to size: Int) -> Tensor {
    let now = shape[dim]
    if size < now { return narrow(dim: dim, start: 0, length: size) }
    if size == now { return self }
    var padding = Array(repeating: 0, count: 2 * (rank - dim))
    padding[padding.count - 1] = size - now
    return constantPad(padding)
  }

  private enum Spectrum { case complex, half, real }

  /// All transforms: `s` are the sizes of the signal along `dims`, −1 for those of the tensor.
  private func fourier(
    _ op: String, _ spectrum: Spectrum, forward: Bool, s: [Int]?, dims given: [Int]?, _ norm: FourierNorm
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      var x = try fourierInput(op, complex: spectrum != .half)
      var dims: [Int]
      if let given {
        dims = given.isEmpty ? [] : try normalizedDims(given, rank: rank, op: op)
        guard rank > 0 || given.isEmpty else {
          throw OpError(op, "dimension \(given[0]) of a tensor that has no dimensions")
        }
        if let s, s.count != dims.count { throw OpError(op, "s and dim differ in length: \(s), \(given)") }
      } else if let s {
        guard s.count <= rank else { throw OpError(op, "got \(s.count) sizes for a tensor with \(rank) dimensions") }
        dims = Array((rank - s.count)..<rank)
      } else {
        dims = Array(0..<rank)
      }
      guard let last = dims.last else {
        guard spectrum == .complex else { throw OpError(op, "must transform at least one axis") }
        return x.clone()
      }
      var sizes = dims.enumerated().map { i, d in
        if let s, s[i] != -1 { return s[i] }
        return spectrum == .real && i == dims.count - 1 ? 2 * (x.shape[d] - 1) : x.shape[d]
      }
      if let wrong = sizes.first(where: { $0 < 1 }) {
        throw OpError(op, "invalid number of data points (\(wrong)) for \(spec)")
      }
      let points = try sized(op) { .product(sizes) }
      for (d, size) in zip(dims, sizes) {
        x = x.resized(d, to: spectrum == .real && d == last ? size / 2 + 1 : size)
      }
      let factor = norm.factor(points, forward: forward)
      let kind: Primitives.FourierTransform.Kind
      switch spectrum {
      case .complex: kind = .complex
      case .half: kind = .realToComplex
      case .real: kind = .complexToReal(size: sizes.removeLast())
      }
      return apply(Primitives.FourierTransform(name: op, kind: kind, dims: dims, forward: forward, factor: factor), x)
    }
  }

  /// The discrete Fourier transform along `dim`, of the signal trimmed or padded to `n`. SeeAlso: torch.fft.fft
  public func fft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("fft", .complex, forward: true, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// The inverse of `fft`. SeeAlso: torch.fft.ifft
  public func ifft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("ifft", .complex, forward: false, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// The first half of a real signal's spectrum; the rest is its mirror image. SeeAlso: torch.fft.rfft
  public func rfft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("rfft", .half, forward: true, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// The inverse of `rfft`; `n` is the length of the signal. SeeAlso: torch.fft.irfft
  public func irfft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("irfft", .real, forward: false, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// The real spectrum of a Hermitian signal, given its first half. SeeAlso: torch.fft.hfft
  public func hfft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("hfft", .real, forward: true, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// The inverse of `hfft`. SeeAlso: torch.fft.ihfft
  public func ihfft(n: Int? = nil, dim: Int = -1, norm: FourierNorm = .backward) -> Tensor {
    fourier("ihfft", .half, forward: false, s: n.map { [$0] }, dims: [dim], norm)
  }

  /// `fft` along several dimensions: those given, the last ones if only sizes are, else all. SeeAlso: torch.fft.fftn
  public func fftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("fftn", .complex, forward: true, s: s, dims: dim, norm)
  }

  /// The inverse of `fftn`. SeeAlso: torch.fft.ifftn
  public func ifftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("ifftn", .complex, forward: false, s: s, dims: dim, norm)
  }

  /// `rfft` along several dimensions; the last one is halved. SeeAlso: torch.fft.rfftn
  public func rfftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("rfftn", .half, forward: true, s: s, dims: dim, norm)
  }

  /// The inverse of `rfftn`. SeeAlso: torch.fft.irfftn
  public func irfftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("irfftn", .real, forward: false, s: s, dims: dim, norm)
  }

  /// `hfft` along several dimensions; the last one is the halved one. SeeAlso: torch.fft.hfftn
  public func hfftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("hfftn", .real, forward: true, s: s, dims: dim, norm)
  }

  /// The inverse of `hfftn`. SeeAlso: torch.fft.ihfftn
  public func ihfftn(s: [Int]? = nil, dim: [Int]? = nil, norm: FourierNorm = .backward) -> Tensor {
    fourier("ihfftn", .half, forward: false, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.fft2
  public func fft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("fft2", .complex, forward: true, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.ifft2
  public func ifft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("ifft2", .complex, forward: false, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.rfft2
  public func rfft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("rfft2", .half, forward: true, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.irfft2
  public func irfft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("irfft2", .real, forward: false, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.hfft2
  public func hfft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("hfft2", .real, forward: true, s: s, dims: dim, norm)
  }

  /// SeeAlso: torch.fft.ihfft2
  public func ihfft2(s: [Int]? = nil, dim: [Int] = [-2, -1], norm: FourierNorm = .backward) -> Tensor {
    fourier("ihfft2", .half, forward: false, s: s, dims: dim, norm)
  }

  /// The spectrum with frequency 0 moved to the middle. SeeAlso: torch.fft.fftshift
  public func fftshift(dim: [Int]? = nil) -> Tensor { shifted("fftshift", dim) { $0 / 2 } }

  /// The inverse of `fftshift`. SeeAlso: torch.fft.ifftshift
  public func ifftshift(dim: [Int]? = nil) -> Tensor { shifted("ifftshift", dim) { ($0 + 1) / 2 } }

  private func shifted(_ op: String, _ dim: [Int]?, _ amount: (Int) -> Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try normalizedDims(dim ?? [], rank: rank, op: op)
      return dims.isEmpty ? clone() : roll(dims.map { amount(shape[$0]) }, dims: dims)
    }
  }

  /// The frequencies of `fft` for samples at distance `d`. SeeAlso: torch.fft.fftfreq
  public static func fftfreq(
    _ n: Int, d: Double = 1, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    frequencies("fftfreq", n, n, d, dtype, device, requiresGrad) { $0 < n - n / 2 ? $0 : $0 - n }
  }

  /// The frequencies of `rfft` for samples at distance `d`. SeeAlso: torch.fft.rfftfreq
  public static func rfftfreq(
    _ n: Int, d: Double = 1, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    frequencies("rfftfreq", n < 0 ? n : n / 2 + 1, n, d, dtype, device, requiresGrad) { $0 }
  }

  private static func frequencies(
    _ op: String, _ count: Int, _ n: Int, _ d: Double, _ dtype: DType?, _ device: Device?, _ requiresGrad: Bool,
    _ place: (Int) -> Int
  ) -> Tensor {
    let dtype = dtype ?? Context.defaultDType
    return attempt(.poisoned(TensorSpec(shape: [0], dtype: dtype))) { () throws(OpError) in
      guard n >= 0 else { throw OpError(op, "the number of samples must not be negative, got \(n)") }
      try TensorSpec(shape: [count], dtype: .float64).checkMemory(op)
      return Tensor(
        (0..<count).map { Double(place($0)) * (1 / (Double(n) * d)) }, shape: [count], dtype: dtype, device: device,
        requiresGrad: requiresGrad)
    }
  }
}
