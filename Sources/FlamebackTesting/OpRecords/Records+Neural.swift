import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let neural = norms + classLosses + elementLosses + cells

  private static func normalized(_ x: [Double], eps: Double, rms: Bool = false) -> [Double] {
    let mean = rms ? 0 : x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.map { ($0 - mean) / (variance + eps).squareRoot() }
  }

  /// Normalised over the last dimension, then scaled and shifted.
  private static func layerNorm(_ shape: [Int], rms: Bool) -> OpSample {
    let n = shape.last!
    return OpSample([SampleInput(shape), SampleInput([n]), SampleInput([n])]) {
      rms
        ? [$0[0].rmsNorm([n], weight: $0[1], eps: 1e-5) + $0[2]]
        : [$0[0].layerNorm([n], weight: $0[1], bias: $0[2])]
    } reference: { x in
      let rows = x[0].lines(-1) { normalized($0, eps: 1e-5, rms: rms) }
      return [PlainArray(shape) { rows[$0] * x[1][$0.last!] + x[2][$0.last!] }]
    }
  }

  /// The values of one channel become others.
  private static func channels(_ x: PlainArray, _ f: ([Double]) -> [Double]) -> PlainArray {
    let order = [1, 0] + Array(2..<x.rank)
    let front = x.permuted(order)
    let rows = front.reshaped([front.shape[0], front.values.count / max(front.shape[0], 1)]).lines(1, f)
    return rows.reshaped(front.shape).permuted(order)
  }

  private static let norms: [OpRecord] = [
    OpRecord(
      "layerNorm", covers: ["layerNorm", "layerNormGradient"], .floating,
      samples: [[3, 4], [2, 1, 3], [5], [0, 3], [300, 130]].flatMap {
        [layerNorm($0, rms: false), layerNorm($0, rms: true)]
      }
    ).with {
      $0.tolerance = 8
      $0.canRepeat = false
      $0.failures = [
        Failure("[layerNorm] the last dimensions of float32 [2, 3] are not [4]") {
          [Tensor.ones([2, 3]).layerNorm([4])]
        },
        Failure("[rmsNorm] weight and bias must have the shape [3], got float32 [2]") {
          [Tensor.ones([2, 3]).rmsNorm([3], weight: Tensor.ones([2]))]
        },
      ]
    },
    OpRecord(
      "batchNorm", covers: ["batchNorm", "batchNormGradient"], .floating,
      samples: [[4, 2], [2, 2, 3], [8, 3, 20, 20]].map { shape in
        OpSample([SampleInput(shape), SampleInput([shape[1]]), SampleInput([shape[1]])]) {
          [$0[0].batchNorm(runningMean: nil, runningVar: nil, weight: $0[1], bias: $0[2], training: true).output]
        } reference: { x in
          let rows = channels(x[0]) { normalized($0, eps: 1e-5) }
          return [PlainArray(shape) { rows[$0] * x[1][$0[1]] + x[2][$0[1]] }]
        }
      }
    ).with {
      $0.tolerance = 8
      $0.canRepeat = false
      $0.failures = [
        Failure("[batchNorm] expected [n, channels, ...], got float32 [3]") {
          [Tensor.ones([3]).batchNorm(runningMean: nil, runningVar: nil, training: true).output]
        }
      ]
    },
    OpRecord(
      "batchNorm", [.float32, .float64],
      samples: [[4, 2], [2, 2, 3]].map { shape in
        let statistics = [SampleInput([2]), SampleInput([2], .uniform(0.5...2))]
        return OpSample([SampleInput(shape)] + statistics) {
          [$0[0].batchNorm(runningMean: $0[1].detached(), runningVar: $0[2].detached()).output]
        } reference: { x in
          [PlainArray(shape) { (x[0][$0] - x[1][$0[1]]) / (x[2][$0[1]] + 1e-5).squareRoot() }]
        }
      }
    ).with {
      $0.tolerance = 8
      $0.order = .unchecked  // the statistics have no gradient here
    },
    OpRecord(
      "instanceNorm", covers: ["batchNorm", "scaleShift"], .floating,
      samples: [[2, 3, 4], [1, 2, 3, 2]].map { shape in
        OpSample([SampleInput(shape), SampleInput([shape[1]]), SampleInput([shape[1]])]) {
          [$0[0].instanceNorm(weight: $0[1], bias: $0[2]).output]
        } reference: { x in
          let size = shape[2...].reduce(1, *)
          let rows = x[0].reshaped([shape[0] * shape[1], size]).lines(1) { normalized($0, eps: 1e-5) }.reshaped(shape)
          return [PlainArray(shape) { rows[$0] * x[1][$0[1]] + x[2][$0[1]] }]
        }
      }
    ).with {
      $0.tolerance = 8
      $0.canRepeat = false
      $0.failures = [
        Failure("[instanceNorm] expected [n, channels, ...] with more than 1 value per channel, got float32 [2, 3]") {
          [Tensor.ones([2, 3]).instanceNorm().output]
        }
      ]
    },
    OpRecord(
      "groupNorm", covers: ["groupNorm", "groupNormGradient"], .floating,
      samples: [[2, 4, 2], [1, 4, 3], [3, 4, 700]].map { shape in
        OpSample([SampleInput(shape), SampleInput([4]), SampleInput([4])]) {
          [$0[0].groupNorm(2, weight: $0[1], bias: $0[2])]
        } reference: { x in
          let rows = x[0].reshaped([shape[0] * 2, 2 * shape[2]]).lines(1) { normalized($0, eps: 1e-5) }.reshaped(shape)
          return [PlainArray(shape) { rows[$0] * x[1][$0[1]] + x[2][$0[1]] }]
        }
      }
    ).with {
      $0.tolerance = 8
      $0.canRepeat = false
      $0.failures = [
        Failure("[groupNorm] the channels of float32 [1, 3, 2] do not divide into 2 groups") {
          [Tensor.ones([1, 3, 2]).groupNorm(2)]
        }
      ]
    },
  ]

  private static func logProbabilities(_ line: [Double]) -> [Double] {
    let sum = line.reduce(0) { $0 + exp($1) }
    return line.map { $0 - log(sum) }
  }

  private static let classLosses: [OpRecord] = [
    OpRecord(
      "crossEntropy", covers: ["crossEntropy", "crossEntropyGradient"], .floating,
      samples: [([3, 4], [3]), ([2, 3, 2], [2, 2]), ([4], []), ([200, 300], [200])].flatMap { shape, target in
        [LossReduction.mean, .sum].map { reduction in
          let classes = shape.count == 1 ? shape[0] : shape[1], ignored = target.isEmpty ? -100 : 1
          return OpSample([SampleInput(shape), .index(target, below: classes)]) {
            [$0[0].crossEntropy($0[1], ignoreIndex: ignored, reduction: reduction)]
          } reference: { x in
            let scores = x[0].lines(shape.count == 1 ? 0 : 1, logProbabilities)
            let losses = PlainArray(target) { i in
              let c = Int(x[1][i])
              return c == ignored ? 0 : -scores[i.isEmpty ? [c] : [i[0], c] + i.dropFirst()]
            }
            let count = reduction == .mean ? x[1].values.count { Int($0) != ignored } : 1
            return [PlainArray([], [losses.values.reduce(0, +) / Double(count)])]
          }
        }
      }
    ).with {
      $0.tolerance = 4
      $0.failures = [
        Failure("[crossEntropy] target 7 is out of bounds for 3 classes") {
          [Tensor.ones([1, 3]).crossEntropy(Tensor([7], shape: [1]))]
        },
        Failure("[crossEntropy] the target int64 [2] does not fit the input float32 [3, 4]") {
          [Tensor.ones([3, 4]).crossEntropy(Tensor([0, 1], shape: [2]))]
        },
      ]
    },
    OpRecord(
      "ctcLoss", covers: ["ctcLoss"], [.float32, .float64],
      samples: [
        OpSample([SampleInput([3, 1, 3])]) { x in
          let target = Tensor([1, 2], shape: [1, 2], device: x[0].device)
          return [x[0].logSoftmax(dim: 2).ctcLoss(target, inputLengths: [3], targetLengths: [2], reduction: .sum)]
        } reference: { x in
          let scores = x[0].lines(2, logProbabilities)
          // All paths of three steps that spell "1 2".
          let paths = [[1, 2, 2], [1, 1, 2], [0, 1, 2], [1, 0, 2], [1, 2, 0]]
          let sum = paths.reduce(0.0) { total, path in
            let score: Double = (0..<3).reduce(0.0) { $0 + scores[$1, 0, path[$1]] }
            return total + exp(score)
          }
          return [PlainArray([], [-log(sum)])]
        }
      ]
    ).with { $0.order = .once },
  ]

  private static func loss(
    _ name: String, _ x: ClosedRange<Double>, _ target: SampleInput, avoiding: [Double] = [],
    _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor, _ reference: @escaping @Sendable (Double, Double) -> Double
  ) -> OpRecord {
    nary(name, .floating, [input(x, avoiding: avoiding), target], tolerance: 4, { run($0[0], $0[1]) }) {
      reference($0[0], $0[1])
    }
  }

  private static let elementLosses: [OpRecord] = [
    loss("mseLoss", -2...2, input(-2...2), { $0.mseLoss($1.expand($0.shape), reduction: .none) }) {
      ($0 - $1) * ($0 - $1)
    },
    loss("l1Loss", -2...0, input(0.1...2), { $0.l1Loss($1.expand($0.shape), reduction: .none) }) { abs($0 - $1) },
    loss(
      "smoothL1Loss", -2...(-1), input(-0.5...2), { $0.smoothL1Loss($1.expand($0.shape), reduction: .none, beta: 0.4) }
    ) {
      let d = abs($0 - $1)
      return d < 0.4 ? d * d / 0.8 : d - 0.2
    },
    loss("huberLoss", -1...(-0.5), input(0...0.3), { $0.huberLoss($1.expand($0.shape), reduction: .none, delta: 2) }) {
      ($0 - $1) * ($0 - $1) / 2
    },
    loss(
      "binaryCrossEntropy", 0.1...0.9, input(0.1...0.9),
      { $0.binaryCrossEntropy($1.expand($0.shape), reduction: .none) }
    ) {
      -$1 * log($0) - (1 - $1) * log(1 - $0)
    },
    loss("binaryCrossEntropyWithLogits", -2...2, input(0...1), avoiding: [0]) {
      $0.binaryCrossEntropyWithLogits($1.expand($0.shape), reduction: .none)
    } _: {
      log1p(exp($0)) - $0 * $1
    },
    loss("binaryCrossEntropyWithLogits", -2...2, input(0...1), avoiding: [0]) {
      $0.binaryCrossEntropyWithLogits($1.expand($0.shape), reduction: .none, posWeight: $1 * 0 + 2)
    } _: {
      2 * $1 * log1p(exp(-$0)) + (1 - $1) * log1p(exp($0))
    },
    loss("klDiv", -2...0, input(0.1...1), { $0.klDiv($1, reduction: .none) }) { $1 * (log($1) - $0) },
    loss("klDiv", -2...0, input(-2...0), { $0.klDiv($1, reduction: .none, logTarget: true) }) { exp($1) * ($1 - $0) },
    loss("poissonNLLLoss", -1...1, input(0...3), { $0.poissonNLLLoss($1, reduction: .none) }) { exp($0) - $1 * $0 },
    loss(
      "poissonNLLLoss", 0.5...3, input(1.5...3),
      { $0.poissonNLLLoss($1, logInput: false, full: true, reduction: .none) }
    ) {
      $0 - $1 * log($0 + 1e-8) + $1 * log($1) - $1 + 0.5 * log(2 * .pi * $1)
    }.with { $0.covers += ["stirling"] },
    loss("softMarginLoss", -2...2, input(-1...1), { $0.softMarginLoss($1, reduction: .none) }) { log1p(exp(-$0 * $1)) },
    nary(
      "gaussianNLLLoss", .floating, [input(-2...2), input(-2...2), input(0.5...2)], tolerance: 4,
      { x in
        let shape = x[0].shape
        return x[0].gaussianNLLLoss(x[1].expand(shape), variance: x[2].expand(shape), reduction: .none)
      }, { 0.5 * (log($0[2]) + ($0[0] - $0[1]) * ($0[0] - $0[1]) / $0[2]) }),
    unary(
      "hingeEmbeddingLoss", .floating, -0.9...0.9,
      { $0.hingeEmbeddingLoss(Tensor.fullLike($0, -1.0), reduction: .none) }
    ) {
      1 - $0
    }.accepting,
    nary(
      "marginRankingLoss", .floating, [input(-2...0), input(0.1...2)], tolerance: 4,
      { x in
        let shape = x[0].shape
        return x[0].marginRankingLoss(
          x[1].expand(shape), Tensor.onesLike(x[0]), margin: 0.5, reduction: .none)
      }
    ) { $0[1] - $0[0] + 0.5 },
    OpRecord(
      "cosineEmbeddingLoss", .floating,
      samples: [
        OpSample([SampleInput([2, 3], .uniform(0.2...1)), SampleInput([2, 3], .uniform(0.2...1))]) { x in
          let target = Tensor([1, -1], shape: [2], dtype: x[0].dtype, device: x[0].device)
          return [x[0].cosineEmbeddingLoss(x[1], target, reduction: .none)]
        } reference: { x in
          func dot(_ a: PlainArray, _ b: PlainArray, _ row: Int) -> Double {
            (0..<3).reduce(0) { $0 + a[row, $1] * b[row, $1] }
          }
          return [
            PlainArray([2]) { i in
              let r = i[0]
              let cosine = dot(x[0], x[1], r) / (dot(x[0], x[0], r) * dot(x[1], x[1], r)).squareRoot()
              return r == 0 ? 1 - cosine : max(cosine, 0)
            }
          ]
        }
      ]
    ).with { $0.tolerance = 4 },
    // So rarely dropped that it never is: the scaling remains.
    unary("dropout", .floating, -2...2, { $0.dropout(1e-300) }, { $0 }).accepting,
  ]

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// A weight whose values follow from its place.
  private static func weight(_ shape: [Int]) -> PlainArray {
    PlainArray(shape, (0..<shape.reduce(1, *)).map { 0.5 * sin(Double(3 * $0 + shape.count)) })
  }

  /// A recurrent cell of 3 inputs and 2 hidden units: functions of the gates, which two products make.
  private static func cell(
    _ covers: [String], gates: Int, states: Int, _ cell: @escaping @Sendable () -> RecurrentCell,
    _ run: @escaping @Sendable (RecurrentCell, [Tensor]) -> [Tensor],
    _ reference: @escaping @Sendable (_ input: [Double], _ hidden: [Double], _ state: [Double]) -> [Double]
  ) -> OpRecord {
    let (wi, wh, bi, bh) = (weight([gates * 2, 3]), weight([gates * 2, 2]), weight([gates * 2]), weight([gates * 2]))
    let sample = OpSample([SampleInput([2, 3])] + (0..<states).map { _ in SampleInput([2, 2]) }) { x in
      func tensor(_ a: PlainArray) -> Tensor {
        Tensor(a.values, shape: Shape(a.shape), dtype: x[0].dtype, device: x[0].device)
      }
      let cell = cell()
      (cell.weightIH, cell.weightHH) = (tensor(wi), tensor(wh))
      (cell.biasIH, cell.biasHH) = (tensor(bi), tensor(bh))
      return run(cell, x)
    } reference: { x in
      let rows = PlainArray.indices([2, 2]).map { i -> [Double] in
        let input = (0..<gates).map { g in
          (0..<3).reduce(bi[g * 2 + i[1]]) { $0 + x[0][i[0], $1] * wi[g * 2 + i[1], $1] }
        }
        let hidden = (0..<gates).map { g in
          (0..<2).reduce(bh[g * 2 + i[1]]) { $0 + x[1][i[0], $1] * wh[g * 2 + i[1], $1] }
        }
        return reference(input, hidden, (0..<states).map { x[1 + $0][i] })
      }
      return rows[0].indices.map { k in PlainArray([2, 2], rows.map { $0[k] }) }
    }
    return OpRecord(covers[0], covers: covers, [.float32, .float64], samples: [sample]).with { $0.tolerance = 4 }
  }

  private static let cells: [OpRecord] = [
    cell(["rnn.tanh"], gates: 1, states: 1, { RNNCell(3, 2) }, { [($0 as! RNNCell)($1[0], $1[1])] }) { i, h, _ in
      [tanh(i[0] + h[0])]
    },
    cell(
      ["rnn.relu"], gates: 1, states: 1, { RNNCell(3, 2, nonlinearity: .relu) }, { [($0 as! RNNCell)($1[0], $1[1])] }
    ) {
      i, h, _ in [max(i[0] + h[0], 0)]
    },
    cell(
      ["lstm.cell", "lstm.hidden"], gates: 4, states: 2, { LSTMCell(3, 2) },
      { cell, x in
        let next = (cell as! LSTMCell)(x[0], (x[1], x[2]))
        return [next.h, next.c]
      }
    ) { i, h, s in
      let gates = (0..<4).map { i[$0] + h[$0] }
      let c = sigmoid(gates[1]) * s[1] + sigmoid(gates[0]) * tanh(gates[2])
      return [sigmoid(gates[3]) * tanh(c), c]
    },
    cell(["gru"], gates: 3, states: 1, { GRUCell(3, 2) }, { [($0 as! GRUCell)($1[0], $1[1])] }) { i, h, s in
      let (r, z) = (sigmoid(i[0] + h[0]), sigmoid(i[1] + h[1]))
      let n = tanh(i[2] + r * h[2])
      return [(1 - z) * n + z * s[0]]
    },
  ]
}
