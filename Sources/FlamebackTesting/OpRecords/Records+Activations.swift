import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let activations: [OpRecord] = [
    unary("relu", .integers + .floating, -3...3, avoiding: [0], { $0.relu() }, { max($0, 0) }),
    unary("leaky_relu", .floating, -3...3, avoiding: [0], { $0.leakyRelu(negativeSlope: 0.1) }) {
      $0 > 0 ? $0 : 0.1 * $0
    }
    .accepting,
    unary("elu", .floating, -3...3, avoiding: [0], { $0.elu(alpha: 1.5) }, { $0 > 0 ? $0 : 1.5 * expm1($0) }).accepting,
    unary("elu", .floating, -3...3, avoiding: [0], { $0.selu() }) {
      1.0507009873554805 * ($0 > 0 ? $0 : 1.6732632423543772 * expm1($0))
    }.accepting,
    unary("elu", .floating, -3...3, avoiding: [0], { $0.celu(alpha: 2) }, { $0 > 0 ? $0 : 2 * expm1($0 / 2) })
      .accepting,
    unary("gelu", .floating, -3...3, { $0.gelu() }, { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }),
    unary("gelu_tanh", .floating, -3...3, { $0.gelu(approximate: .tanh) }) {
      0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    },
    unary("silu", .differentiable, -3...3, { $0.silu() }, { $0 / (1 + exp(-$0)) }),
    unary("mish", .floating, -3...3, { $0.mish() }, { $0 * tanh(log1p(exp($0))) }),
    unary("softplus", .floating, -3...3, { $0.softplus(beta: 2) }, { log1p(exp(2 * $0)) / 2 }).accepting,
    unary("softplus", .floating, 11...13, { $0.softplus(beta: 2) }, { $0 }).accepting,
    unary("logsigmoid", .floating, -3...3, { $0.logSigmoid() }, { -log1p(exp(-$0)) }),
    unary("hardtanh", .integers + .floating, -3...3, avoiding: [-1, 2], { $0.hardtanh(min: -1, max: 2) }) {
      min(max($0, -1), 2)
    }.accepting.without(.uint64),  // −1 wraps
    unary("hardsigmoid", .floating, -5...5, avoiding: [-3, 3], { $0.hardsigmoid() }, { min(max($0 + 3, 0), 6) / 6 }),
    unary("hardswish", .floating, -5...5, avoiding: [-3, 3], { $0.hardswish() }, { $0 * min(max($0 + 3, 0), 6) / 6 }),
    unary("hardshrink", .floating, -2...2, avoiding: [-0.5, 0.5], { $0.hardshrink() }, { abs($0) <= 0.5 ? 0 : $0 })
      .accepting,
    unary("softshrink", .floating, -2...2, avoiding: [-0.5, 0.5], { $0.softshrink() }) {
      $0 > 0.5 ? $0 - 0.5 : $0 < -0.5 ? $0 + 0.5 : 0
    }.accepting,
    unary("tanhshrink", .numeric, -3...3, { $0.tanhshrink() }, { $0 - tanh($0) }),
    unary("softsign", .numeric, -3...3, avoiding: [0], { $0.softsign() }, { $0 / (1 + abs($0)) }).with {
      $0.dtypes = .floating + .complex
      $0.refusesOthers = false
    },
    unary("threshold", .integers + .floating, -3...3, avoiding: [0.5], { $0.threshold(0.5, value: 2) }) {
      $0 > 0.5 ? $0 : 2
    }.accepting,
    binary("prelu", .floating, -3...3, and: 0.1...0.4, { $0.prelu($1) }) { $0 > 0 ? $0 : $0 * $1 }.with {
      $0.refusesOthers = false
      $0.samples = [([2, 3], [3]), ([2, 3, 4], [3]), ([4], [1]), ([], [1]), ([2, 3], []), ([2, 0], [0])].map { x, w in
        OpSample([SampleInput(x, avoiding: [0]), SampleInput(w, .uniform(0.1...0.4))]) {
          [$0[0].prelu($0[1])]
        } reference: { inputs in
          let (x, w) = (inputs[0], inputs[1])
          return [PlainArray(x.shape) { x[$0] > 0 ? x[$0] : x[$0] * w.values[w.values.count == 1 ? 0 : $0[1]] }]
        }
      }
      $0.failures = [
        Failure("[prelu] 4 weights do not fit 3 channels of float32 [2, 3]") {
          [Tensor.ones([2, 3]).prelu(Tensor.ones([4]))]
        }
      ]
    },
    // glu is composed; its parts are covered by others.
    unary("softplus", .floating, -3...3, { $0.softplus() }, { log1p(exp($0)) }).accepting.with {
      $0.failures = [
        Failure("[celu] alpha must not be 0") { [Tensor.ones([2]).celu(alpha: 0)] },
        Failure("[softshrink] lambda must not be negative, got -1.0") { [Tensor.ones([2]).softshrink(lambda: -1)] },
        Failure("[hardtanh] min (2.0) must not exceed max (1.0)") { [Tensor.ones([2]).hardtanh(min: 2, max: 1)] },
        Failure("[glu] the size of dimension 1 must be even, got float32 [2, 3]") { [Tensor.ones([2, 3]).glu()] },
      ]
    },
  ]
}
