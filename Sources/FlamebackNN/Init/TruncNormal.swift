import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension Init {
  /// Normal within [a, b], by rejection. SeeAlso: torch.nn.init.trunc_normal_
  public static func truncNormal(
    _ tensor: inout Tensor, mean: Double = 0, std: Double = 1, a: Double = -2, b: Double = 2,
    generator: Generator? = nil
  ) {
    let spec = tensor.spec
    func below(_ x: Double) -> Double {
      (1 + Tensor([(x - mean) / std / 2.0.squareRoot()], shape: []).erf().itemDouble()) / 2
    }
    if below(b) - below(a) > 0.3 {
      // The bounds as the tensor's type holds them.
      let bounds = Tensor([a, b], shape: [2], dtype: spec.dtype).scalars(Double.self)
      var values = Draw.normal(spec, mean, std, generator)
      while true {
        let isOutside = (values .< bounds[0]) | (values .> bounds[1])
        if !isOutside.any().item().bool { break }
        values = select(where: isOutside, Draw.normal(spec, mean, std, generator), values)
      }
      tensor = values
      return
    }
    // Too few normal numbers would do: uniform ones, each kept with the probability of its density.
    let mode = max(a, min(mean, b))
    let peak = -0.5 * ((mode - mean) / std) * ((mode - mean) / std)
    var values = Draw.uniform(spec, a, b, generator)
    func isRejected(_ candidates: Tensor) -> Tensor {
      let density = ((candidates - mean) / std).square() * -0.5 - peak
      return Draw.uniform(spec, 0, 1, generator).log() .> density
    }
    var pending = isRejected(values)
    while pending.any().item().bool {
      let candidates = Draw.uniform(spec, a, b, generator)
      values = select(where: pending, candidates, values)
      pending = pending & isRejected(candidates)
    }
    tensor = values
  }
}
