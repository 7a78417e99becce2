import FlamebackCore
import FlamebackKernels

/// New tensors of random numbers, zeros while layers are made only to be filled.
enum Draw {
  @TaskLocal static var isSkipped = false

  /// Uniform in [a, b).
  static func uniform(_ spec: TensorSpec, _ a: Double, _ b: Double, _ generator: Generator?) -> Tensor {
    draw(.uniform(a, b), spec, generator)
  }

  static func normal(_ spec: TensorSpec, _ mean: Double, _ std: Double, _ generator: Generator?) -> Tensor {
    draw(.normal(mean: mean, std: std, serial: false), spec, generator)
  }

  private static func draw(
    _ distribution: Primitives.RandomDraw.Distribution, _ spec: TensorSpec, _ generator: Generator?
  ) -> Tensor {
    if isSkipped { return Tensor.filled(0, spec) }
    return apply(
      Primitives.RandomDraw(
        distribution: distribution, shape: spec.shape, dtype: spec.dtype, generator: generator, device: spec.device))
  }
}
