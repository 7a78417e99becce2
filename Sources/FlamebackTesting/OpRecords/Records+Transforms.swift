import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  /// Fourier transforms, attention, histograms, unbind.
  static let transforms: [OpRecord] = fourier + attention + counts

  /// Σ x[j] e^(∓2πijk/n) along the last dimension, times a factor: real and imaginary parts.
  private static func transform(
    _ real: PlainArray, _ imaginary: PlainArray? = nil, forward: Bool = true, factor: Double = 1, length: Int? = nil
  ) -> [PlainArray] {
    let n = real.shape.last!
    let count = length ?? n
    let zeros = imaginary ?? real.map { _ in 0 }
    func part(_ body: (Double, Double, Double) -> Double) -> PlainArray {
      PlainArray(Array(real.shape.dropLast()) + [count]) { index in
        (0..<n).reduce(0.0) { sum, j in
          let angle = 2 * Double.pi * Double(j * index.last!) / Double(n)
          let place = Array(index.dropLast()) + [j]
          return sum + factor * body(real[place], zeros[place], angle)
        }
      }
    }
    let sign: Double = forward ? 1 : -1
    return [part { $0 * cos($2) + sign * $1 * sin($2) }, part { $1 * cos($2) - sign * $0 * sin($2) }]
  }

  private static let fourier: [OpRecord] = [
    OpRecord(
      "fft", [.complex64, .complex128],
      samples: [[1], [6], [2, 5], [0, 3]].map { shape in
        OpSample([SampleInput(shape)]) { x in
          let y = x[0].fft(norm: .ortho)
          return [y.real, y.imag]
        } reference: { x in
          transform(x[0], factor: 1 / Double(shape.last!).squareRoot())
        }
      }
    ).with { $0.tolerance = 20 },
    OpRecord(
      "rfft", [.float32, .float64],
      samples: [[1], [6], [2, 5]].map { shape in
        OpSample([SampleInput(shape)]) { x in
          let y = x[0].rfft()
          return [y.real, y.imag]
        } reference: {
          transform($0[0], length: shape.last! / 2 + 1)
        }
      }
    ).with { $0.tolerance = 20 },
    // Of a whole spectrum's first half; what stands for two counts for two.
    OpRecord(
      "irfft", [.float32, .float64],
      samples: [(4, 6), (3, 5), (1, 1)].map { half, size in
        OpSample([SampleInput([2, half]), SampleInput([2, half])]) { x in
          [Tensor.complex(x[0], x[1]).irfft(n: size)]
        } reference: { x in
          [
            PlainArray([2, size]) { index in
              (0..<half).reduce(0.0) { sum, k in
                let angle = 2 * Double.pi * Double(k * index[1]) / Double(size)
                let isSingle = k == 0 || 2 * k == size
                let value =
                  isSingle
                  ? x[0][index[0], k] * cos(angle)
                  : 2 * (x[0][index[0], k] * cos(angle) - x[1][index[0], k] * sin(angle))
                return sum + value / Double(size)
              }
            }
          ]
        }
      }
    ).with { $0.tolerance = 20 },
    // Two dimensions, one after the other.
    OpRecord(
      "ifft2", [.complex64, .complex128],
      samples: [
        OpSample([SampleInput([2, 3, 4])]) { x in
          let y = x[0].ifft2()
          return [y.real, y.imag]
        } reference: { x in
          let rows = transform(x[0], forward: false, factor: 1.0 / 4).map { $0.permuted([0, 2, 1]) }
          return transform(rows[0], rows[1], forward: false, factor: 1.0 / 3).map { $0.permuted([0, 2, 1]) }
        }
      ]
    ).with { $0.tolerance = 20 },
  ]

  /// What is added to a score.
  private static func bias(_ place: Int) -> Double { Double(place * 7 % 5) / 2 - 1 }

  private static let attention: [OpRecord] = [
    OpRecord(
      "scaledDotProductAttention",
      covers: ["scaledDotProductAttention", "scaledDotProductAttentionGradient"], [.float32, .float64],
      samples: [(false, false), (true, false), (false, true)].flatMap { causal, biased in
        [(2, 3, 2), (3, 3, 1), (67, 70, 8)].map { rows, keys, size in
          OpSample(
            [SampleInput([2, rows, size]), SampleInput([2, keys, size]), SampleInput([2, keys, 3])]
          ) { x in
            let values = (0..<(rows * keys)).map { bias($0) }
            let mask = biased ? Tensor(values, shape: [rows, keys], dtype: x[0].dtype).to(x[0].device) : nil
            return [x[0].scaledDotProductAttention(x[1], x[2], mask: mask, isCausal: causal)]
          } reference: { x in
            let scores = product(x[0], x[1].transposed)
            let weights = PlainArray(scores.shape) { index in
              if causal && index[2] > index[1] { return -.infinity }
              return scores[index] / Double(size).squareRoot() + (biased ? bias(index[1] * keys + index[2]) : 0)
            }
            .lines(-1) { line in
              let largest = line.max() ?? 0
              let powers = line.map { exp($0 - largest) }
              let sum = powers.reduce(0, +)
              return powers.map { $0 / sum }
            }
            return [product(weights, x[2])]
          }
        }
      }
    ).with { $0.tolerance = 20 }
  ]

  private static let counts: [OpRecord] = [
    OpRecord(
      "histogram", [.float32, .float64],
      samples: [[0], [7], [3, 5], [300]].map { shape in
        OpSample([SampleInput(shape, .uniform(-2...2)), SampleInput(shape, .whole(0...3))]) { x in
          let edges = Tensor([-1.5, -0.5, 0.25, 1], shape: [4], dtype: x[0].dtype).to(x[0].device)
          return [x[0].histogram(edges: edges, weight: x[1]).hist, x[0].histc(bins: 4, min: -2, max: 2)]
        } reference: { x in
          let edges = [-1.5, -0.5, 0.25, 1]
          let places = x[0].values
          return [
            PlainArray([3]) { bin in
              zip(places, x[1].values).reduce(0) {
                $0 + ($1.0 >= edges[bin[0]] && $1.0 < edges[bin[0] + 1] ? $1.1 : 0)
              }
            },
            PlainArray([4]) { bin in
              Double(places.count { $0 >= Double(bin[0] - 2) && $0 < Double(bin[0] - 1) })
            },
          ]
        }
      }
    ).with {
      $0.order = .none
      $0.failures = [
        Failure("[histc] bins must be positive, got 0") { [Tensor.ones([2]).histc(bins: 0)] }
      ]
    },
    OpRecord(
      "unbind", .all,
      samples: [([3], 0), ([2, 3], 1), ([2, 1, 2], -1), ([2, 0], 0)].map { shape, dim in
        OpSample([SampleInput(shape)]) {
          $0[0].unbind(dim: dim)
        } reference: { x in
          let d = dim < 0 ? dim + shape.count : dim
          var rest = shape
          rest.remove(at: d)
          return (0..<shape[d]).map { i in
            PlainArray(rest) { index in
              var index = index
              index.insert(i, at: d)
              return x[0][index]
            }
          }
        }
      }
    ).with {
      $0.failures = [
        Failure("[unbind] cannot be applied to a 0-d tensor") { Tensor.ones([]).unbind() }
      ]
    },
  ]
}

extension OpRecord {
  /// Recurrent networks over all steps, against the steps one by one.
  static let recurrent: [OpRecord] = [RecurrentMode.tanh, .relu, .lstm, .gru].flatMap { mode in
    [false, true].map { reverse in
      let (gates, hidden, batch) = (mode.gates, 2, 2)
      let state = SampleInput([batch, hidden], .uniform(-1...1))
      return OpRecord(
        "recurrence", covers: ["recurrence", "recurrenceGradient"], [.float32, .float64],
        samples: [1, 3].map { time in
          OpSample(
            [
              SampleInput([time, batch, gates * hidden], .uniform(0.3...1.5)),
              SampleInput([gates * hidden, hidden], .uniform(-0.5...0.5)),
              SampleInput([gates * hidden], .uniform(0...1)),
              state,
            ] + (mode == .lstm ? [state] : [])
          ) { x in
            let result = x[0].recurrence(
              mode, weight: x[1], bias: x[2], h: x[3], c: mode == .lstm ? x[4] : nil, reverse: reverse)
            return [result.output, result.h] + [result.c].compactMap { $0 }
          } reference: { x in
            steps(mode, x, reverse: reverse)
          }
        }
      ).with {
        $0.tolerance = 20
        $0.meaningfulOutputs = mode == .lstm ? 2 : 1
      }
    }
  }

  /// The equations of torch.nn.RNN, LSTM and GRU.
  private static func steps(_ mode: RecurrentMode, _ x: [PlainArray], reverse: Bool) -> [PlainArray] {
    let (time, batch, hidden) = (x[0].shape[0], x[0].shape[1], x[1].shape[1])
    func sigmoid(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
    var output = PlainArray([time, batch, hidden], [Double](repeating: 0, count: time * batch * hidden))
    var (h, c) = (x[3], x.count > 4 ? x[4] : x[3])
    for t in reverse ? Array((0..<time).reversed()) : Array(0..<time) {
      let (last, cell) = (h, c)
      for b in 0..<batch {
        func own(_ gate: Int, _ i: Int) -> Double { x[0][t, b, gate * hidden + i] }
        func fed(_ gate: Int, _ i: Int) -> Double {
          (0..<hidden).reduce(x[2][gate * hidden + i]) { $0 + x[1][gate * hidden + i, $1] * last[b, $1] }
        }
        func both(_ gate: Int, _ i: Int) -> Double { own(gate, i) + fed(gate, i) }
        for i in 0..<hidden {
          switch mode {
          case .tanh: h[b, i] = tanh(both(0, i))
          case .relu: h[b, i] = max(both(0, i), 0)
          case .lstm:
            c[b, i] = sigmoid(both(1, i)) * cell[b, i] + sigmoid(both(0, i)) * tanh(both(2, i))
            h[b, i] = sigmoid(both(3, i)) * tanh(c[b, i])
          case .gru:
            let new = tanh(own(2, i) + sigmoid(both(0, i)) * fed(2, i))
            let update = sigmoid(both(1, i))
            h[b, i] = (1 - update) * new + update * last[b, i]
          }
          output[t, b, i] = h[b, i]
        }
      }
    }
    return [output, h] + (mode == .lstm ? [c] : [])
  }
}
