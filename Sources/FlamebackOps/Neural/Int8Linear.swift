import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// x weightᵀ + bias with the weight in 8 bits and x rounded to 7, whose scale follows from its values.
  /// Inputs: x [rows, in] float32, weight [out, in] int8, the sums of its rows [out] int32, bias [out] if there is one.
  package struct Int8Linear: Primitive {
    package static let name = "int8Linear"
    /// What one step of the weight's integers is worth.
    package let scale: Double

    package var attributes: [(String, String)] { [("scale", "\(scale)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, weight) = (inputs[0], inputs[1])
      guard x.dtype == .float32, weight.dtype == .int8, x.rank == 2, weight.rank == 2, x.shape[1] == weight.shape[1],
        inputs[2].dtype == .int32, inputs[2].shape == [weight.shape[0]],
        inputs.count < 4 || inputs[3] == TensorSpec(shape: [weight.shape[0]], dtype: .float32, device: x.device)
      else {
        throw OpError(
          name, "needs float32 [rows, in] and int8 [out, in]: \(inputs.map(\.description).joined(separator: " × "))")
      }
      return [TensorSpec(shape: [x.shape[0], weight.shape[0]], dtype: .float32, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, weight) = (inputs[0], inputs[1])
      fb_int8_linear(
        x.pointer.assumingMemoryBound(to: Float.self), Int64(x.shape[0]), Int64(x.shape[1]),
        weight.pointer.assumingMemoryBound(to: Int8.self), Float(scale),
        inputs[2].pointer.assumingMemoryBound(to: Int32.self),
        inputs.count > 3 ? inputs[3].pointer.assumingMemoryBound(to: Float.self) : nil, Int64(weight.shape[0]),
        outputs[0].pointer.assumingMemoryBound(to: Float.self))
    }

    package var gradient: Gradient { .none(because: "it rounds to integers: train with the original weights") }
  }
}

extension Tensor {
  /// x weightᵀ + bias of float32 `[..., in]` with a weight of 8-bit integers `[out, in]` times `scale`; `sums` are the sums
  /// of its rows (int32). For inference only. SeeAlso: torch.ops.quantized.linear_dynamic
  public func int8Linear(_ weight: Tensor, scale: Double, sums: Tensor, bias: Tensor? = nil) -> Tensor {
    guard rank >= 1, weight.rank == 2, shape[rank - 1] == weight.shape[1] else {
      return fail("int8Linear", "shapes do not fit: \(spec) × \(weight.spec)", like: spec)
    }
    let rows = reshape([elementCount / Swift.max(weight.shape[1], 1), weight.shape[1]])
    let result = apply(Primitives.Int8Linear(scale: scale), [rows, weight, sums] + (bias.map { [$0] } ?? []))[0]
    return result.reshape(shape.array.dropLast() + [weight.shape[0]])
  }
}
