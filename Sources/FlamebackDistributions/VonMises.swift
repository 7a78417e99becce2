import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Angles around a direction: the normal distribution of the circle. SeeAlso: torch.distributions.VonMises
public struct VonMises: Distribution {
  /// The direction, in radians.
  public let loc: Tensor
  /// How closely angles gather.
  public let concentration: Tensor
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ concentration: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(loc, concentration)
    (self.loc, self.concentration, validatesArguments) = (all[0], all[1], validateArgs)
    validate("VonMises", validateArgs, ("loc", all[0], .real), ("concentration", all[1], .positive))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { loc }
  public var mode: Tensor { loc }
  /// The circular variance.
  public var variance: Tensor { 1 - concentration.i1e() / concentration.i0e() }

  public func expand(_ batchShape: [Int]) -> VonMises {
    VonMises(loc.expand(batchShape), concentration.expand(batchShape), validateArgs: false)
  }

  /// Best and Fisher's rejection sampling (1979), in double precision.
  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let kappa = concentration.to(.float64)
      let shape = extended(sampleShape)
      let tau = 1 + (1 + 4 * kappa.square()).sqrt()
      let rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
      let r = select(where: kappa .< 1e-5, 1 / kappa + kappa, (1 + rho.square()) / (2 * rho))
      var x = Tensor.zeros(shape, dtype: .float64, device: loc.device)
      var done = Tensor.zeros(shape, dtype: .bool, device: loc.device)
      while !done.all().item().bool {
        let u = kappa.newRand([3] + shape, generator).unbind()
        let z = (Double.pi * u[0]).cos()
        let f = (1 + r * z) / (r + z)
        let c = kappa * (r - f)
        let accept = (c * (2 - c) - u[1] .> 0) | ((c / u[1]).log() + 1 - c .>= 0)
        x = select(where: accept, (u[2] - 0.5).sign() * f.acos(), x)
        done = done | accept
      }
      return ((x + Double.pi + loc.to(.float64)) % (2 * Double.pi) - Double.pi).to(loc.dtype)
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    // ln I₀(κ) = κ + ln of the scaled function.
    let logBessel = concentration + concentration.i0e().log()
    return concentration * (validated(value) - loc).cos() - Constants.log2Pi - logBessel
  }
}
