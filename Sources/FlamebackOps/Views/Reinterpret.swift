import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The same memory read as another dtype; the last dimension grows or shrinks with the size of an element.
  /// SeeAlso: torch.Tensor.view(dtype)
  public func view(_ dtype: DType) -> Tensor {
    dtype == self.dtype ? self : apply(Primitives.Reinterpret(from: self.dtype, to: dtype), self)
  }

  /// A complex tensor as a real one with a last dimension of real and imaginary part. SeeAlso: torch.view_as_real
  public func viewAsReal() -> Tensor {
    guard dtype.isComplex else { return fail("viewAsReal", "expects a complex tensor, got \(spec)", like: spec) }
    return apply(Primitives.ViewAsReal(), self)
  }

  /// A real tensor with a last dimension of 2 as a complex one. SeeAlso: torch.view_as_complex
  public func viewAsComplex() -> Tensor {
    guard dtype.complex.real == dtype else {
      return fail("viewAsComplex", "expects a float16, float32 or float64 tensor, got \(spec)", like: spec)
    }
    return apply(Primitives.ViewAsComplex(), self)
  }

  /// The real parts, without a copy; a real tensor itself. SeeAlso: torch.real
  public var real: Tensor { dtype.isComplex ? apply(Primitives.ComplexPart(part: 0), self) : self }

  /// The imaginary parts, without a copy. SeeAlso: torch.imag
  public var imag: Tensor {
    guard dtype.isComplex else { return fail("imag", "expects a complex tensor, got \(spec)", like: spec) }
    return apply(Primitives.ComplexPart(part: 1), self)
  }
}

extension Primitives {
  /// The same bytes as another dtype.
  package struct Reinterpret: ViewPrimitive {
    package static let name = "view_dtype"
    package let from, to: DType

    package func viewDType(of dtype: DType) -> DType { to }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      let (a, b) = (from.byteSize, to.byteSize)
      if a == b { return input }
      let last = input.rank - 1
      guard last >= 0 else { throw OpError("view", "a 0-d \(from) tensor cannot be viewed as \(to): sizes differ") }
      guard input.strides[last] == 1 || input.shape[last] == 1 || input.shape[last] == 0 else {
        throw OpError("view", "viewing \(from) as \(to) needs a last dimension of stride 1, got \(input.strides[last])")
      }
      var result = input
      if a > b {
        let ratio = a / b
        for d in 0..<last { result.strides[d] *= ratio }
        result.shape[last] *= ratio
        result.offset *= ratio
      } else {
        let ratio = b / a
        guard input.shape[last] % ratio == 0, input.offset % ratio == 0,
          (0..<last).allSatisfy({ input.strides[$0] % ratio == 0 || input.shape[$0] == 1 })
        else {
          throw OpError("view", "viewing \(from) \(input.shape) as \(to) needs sizes divisible by \(ratio)")
        }
        for d in 0..<last { result.strides[d] /= ratio }
        result.shape[last] /= ratio
        result.offset /= ratio
      }
      result.strides[last] = 1
      return result
    }

    package var attributes: [(String, String)] { [("dtype", to.name)] }

    package var gradient: Gradient { .none(because: "the bytes of \(from) read as \(to) are no smooth function") }
  }
}

extension Primitives {
  /// Complex numbers as pairs.
  package struct ViewAsReal: ViewPrimitive {
    package static let name = "view_as_real"

    package func viewDType(of dtype: DType) -> DType { dtype.real }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var result = input
      for d in 0..<input.rank { result.strides[d] *= 2 }
      result.offset *= 2
      result.shape.append(2)
      result.strides.append(1)
      return result
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, _ in [cotangents[0].map { $0.contiguous().viewAsComplex() }] }
    }
  }
}

extension Primitives {
  /// Pairs as complex numbers.
  package struct ViewAsComplex: ViewPrimitive {
    package static let name = "view_as_complex"

    package func viewDType(of dtype: DType) -> DType { dtype.complex }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      let last = input.rank - 1
      guard last >= 0, input.shape[last] == 2 else {
        throw OpError("viewAsComplex", "expects a last dimension of size 2, got shape \(input.shape)")
      }
      guard input.strides[last] == 1, input.offset % 2 == 0, (0..<last).allSatisfy({ input.strides[$0] % 2 == 0 })
      else {
        throw OpError("viewAsComplex", "the pairs do not lie side by side: strides \(input.strides)")
      }
      var result = input
      result.shape.remove(at: last)
      result.strides.remove(at: last)
      for d in 0..<last { result.strides[d] /= 2 }
      result.offset /= 2
      return result
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, _ in [cotangents[0]?.viewAsReal()] }
    }
  }
}

extension Primitives {
  /// Real (0) or imaginary (1) parts.
  package struct ComplexPart: ViewPrimitive {
    package static let name = "complex_part"
    package let part: Int

    package func viewDType(of dtype: DType) -> DType { dtype.real }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var result = input
      for d in 0..<input.rank { result.strides[d] *= 2 }
      result.offset = 2 * input.offset + part
      return result
    }

    package var attributes: [(String, String)] { [("part", part == 0 ? "real" : "imag")] }

    package var gradient: Gradient { adjointGradient }
  }
}
