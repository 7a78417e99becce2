import FlamebackCore
import FlamebackKernels

/// New tensors of random numbers, zeros while layers are made only to be filled.
enum Draw {
  @TaskLocal static var isSkipped = false

  /// Uniform in [a, b).
  static func uniform(_ spec: TensorSpec, _ a: Double, _ b: Double, _ generator: Generator?) -> Tensor {
    draw(spec, generator) { $0.fillUniform($1, count: $2, dtype: spec.dtype, from: a, to: b) }
  }

  static func normal(_ spec: TensorSpec, _ mean: Double, _ std: Double, _ generator: Generator?) -> Tensor {
    draw(spec, generator) { $0.fillNormal($1, count: $2, dtype: spec.dtype, mean: mean, std: std) }
  }

  private static func draw(
    _ spec: TensorSpec, _ generator: Generator?, _ fill: (inout GeneratorState, UnsafeMutableRawPointer, Int) -> Void
  ) -> Tensor {
    if isSkipped { return Tensor.filled(0, spec) }
    return attempt(.poisoned(spec)) { () throws(OpError) in
      let host = try Tensor.uninitialized(TensorSpec(shape: spec.shape, dtype: spec.dtype), op: "init")
      (generator ?? .default).draw { state in fill(&state, host.hostView.pointer, host.elementCount) }
      return spec.device == .cpu ? host : host.to(spec.device)
    }
  }
}
