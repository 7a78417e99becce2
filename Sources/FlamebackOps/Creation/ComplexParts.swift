import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Complex numbers of these real and imaginary parts, both float16, float32 or float64. SeeAlso: torch.complex
  public static func complex(_ real: Tensor, _ imag: Tensor) -> Tensor {
    let parts = broadcastTensors([real, imag])
    return apply(Primitives.ComplexOfParts(), parts)[0]
  }

  /// Complex numbers of these absolute values and angles. SeeAlso: torch.polar
  public static func polar(_ abs: Tensor, _ angle: Tensor) -> Tensor { complex(abs * angle.cos(), abs * angle.sin()) }
}

extension Primitives {
  /// Real and imaginary parts of one shape side by side.
  package struct ComplexOfParts: Primitive {
    package static let name = "complex"
    package var families: DType.Family { .complexHalf }
    package var acceptsStrides: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype == inputs[1].dtype, inputs[0].dtype.complex.real == inputs[0].dtype else {
        throw OpError("complex", "expects two float16, float32 or float64 tensors, got \(inputs[0]) × \(inputs[1])")
      }
      return [TensorSpec(shape: inputs[0].shape, dtype: inputs[0].dtype.complex, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let out = outputs[0]
      let strides = Shape(out.shape.contiguousStrides.map { 2 * $0 })
      for (part, x) in inputs.enumerated() {
        Strided.copy(
          x.pointer, x.dtype, x.strides, to: out.pointer + part * x.dtype.byteSize, x.dtype, strides, over: out.shape)
      }
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, _ in [cotangents[0]?.real, cotangents[0]?.imag] }
    }
  }
}
