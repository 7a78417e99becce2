import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// A discrete Fourier transform along some dimensions, times a factor.
  package struct FourierTransform: Primitive {
    package static let name = "fft"

    package enum Kind: Equatable {
      case complex
      /// Real numbers to the first half of their spectrum along the last of `dims`.
      case realToComplex
      /// That half back to `size` real numbers.
      case complexToReal(size: Int)
    }

    /// The public function's name, for errors.
    package let name: String
    package let kind: Kind
    package let dims: [Int]
    package let forward: Bool
    package let factor: Double

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      var spec = inputs[0]
      let expected = kind == .realToComplex ? spec.dtype.isFloatingPoint : spec.dtype.isComplex
      guard expected, spec.dtype.accumulation == spec.dtype else { throw OpError(name, "not defined for \(spec)") }
      switch kind {
      case .complex: break
      case .realToComplex:
        spec.dtype = spec.dtype.complex
        spec.shape[dims.last!] = spec.shape[dims.last!] / 2 + 1
      case .complexToReal(let size):
        spec.dtype = spec.dtype.real
        spec.shape[dims.last!] = size
      }
      return [spec]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      if y.elementCount == 0 { return }
      if x.elementCount == 0 {
        return Strided.fill(y.pointer, y.dtype, y.strides, over: y.shape, 0)
      }
      let longer = kind == .realToComplex ? x.shape : y.shape
      let code = kind == .complex ? FB_FFT_C2C : kind == .realToComplex ? FB_FFT_R2C : FB_FFT_C2R
      // Leading dimensions that are not transformed are shared out among threads.
      let leading = (dims.min() ?? 0)
      let count = longer.prefix(leading).reduce(1, *)
      let rest = Shape(longer.dropFirst(leading))
      let axes = dims.map { Int64($0 - leading) }
      let (stepX, stepY) = (x.elementCount / count * x.dtype.byteSize, y.elementCount / count * y.dtype.byteSize)
      let work = rest.elementCount
      let grain = Swift.max(1, 16384 / Swift.max(work, 1))
      ThreadPool.run(count: count, grain: grain) { range in
        let shape = [Int64(range.count)] + rest.map { Int64($0) }
        fb_fft(
          code, fb_dtype(x.dtype.real.rawValue), Int32(shape.count), shape, Int32(axes.count), axes.map { $0 + 1 },
          forward, factor, x.pointer + range.lowerBound * stepX, y.pointer + range.lowerBound * stepY)
      }
    }

    package var attributes: [(String, String)] {
      [("kind", "\(kind)"), ("dims", "\(dims)"), ("forward", "\(forward)"), ("factor", "\(factor)")]
    }

    /// The adjoint is the transform in the other direction. Of a half spectrum the places that stand for two count double
    /// in one direction and half in the other.
    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        func adjoint(_ kind: Kind, _ x: Tensor) -> Tensor {
          apply(Primitives.FourierTransform(name: name, kind: kind, dims: dims, forward: !forward, factor: factor), x)
        }
        switch kind {
        case .complex: return [adjoint(.complex, g)]
        case .realToComplex:
          let size = saved.spec(0).shape[dims.last!]
          return [adjoint(.complexToReal(size: size), g * weights(0.5, size, like: g))]
        case .complexToReal(let size):
          let spectrum = adjoint(.realToComplex, g)
          return [spectrum * weights(2, size, like: spectrum)]
        }
      }
    }

    /// 1 for the places of a half spectrum that have no mirror image, `inner` for the others.
    private func weights(_ inner: Double, _ size: Int, like spectrum: Tensor) -> Tensor {
      let dim = dims.last!
      let count = size / 2 + 1
      let values = (0..<count).map { $0 == 0 || 2 * $0 == size ? 1 : inner }
      var shape = Array(repeating: 1, count: spectrum.rank)
      shape[dim] = count
      return Tensor(values, shape: Shape(shape), dtype: spectrum.dtype.real).to(spectrum.device)
    }
  }
}

/// Which direction of a Fourier transform is divided by the number of points.
public enum FourierNorm: String, Sendable {
  /// The inverse one.
  case backward
  /// Both, by the square root.
  case ortho
  /// The forward one.
  case forward

  func factor(_ count: Int, forward: Bool) -> Double {
    switch self {
    case .backward: forward ? 1 : 1 / Double(count)
    case .ortho: 1 / Double(count).squareRoot()
    case .forward: forward ? 1 / Double(count) : 1
    }
  }
}
